"""`neuroswitch verify`: is a circuit intact in a checkpoint?"""

import json
import sys
from typing import Annotated

from cyclopts import Parameter

from neuroswitch.cli.console import bars, errors, show
from neuroswitch.cli.options import CircuitFolder, Model, ModelOptions
from neuroswitch.options import ChatFormat
from neuroswitch.values import Flag

NOT_INTACT = 3
"""Exit status that tells a circuit that was changed from an error."""


def verify_command(
    circuit: CircuitFolder,
    /,
    *,
    model: Model,
    behaviour: str | None = None,
    weights_only: Flag = False,
    as_json: Annotated[Flag, Parameter(name="--json")] = False,
    options: ModelOptions = ModelOptions(),
) -> int:
    """Say what happened to a circuit's neurons in a checkpoint.

    Exit status: 0 intact, 3 not intact, 1 error.

    Example:
        neuroswitch verify runs/demo/methods/cna --model ./fine-tuned

    Args:
        behaviour: The circuit's own prompts, if they are no built-in set: the file it was found with.
        weights_only: Compare weights; read no prompts.
        as_json: Print everything as JSON, neuron by neuron.
    """
    from neuroswitch.circuits import own_prompts, verify
    from neuroswitch.experiment import find_behaviour
    from neuroswitch.models import load_model

    contrast = None
    if not weights_only:
        contrast = find_behaviour(behaviour).contrast if behaviour else own_prompts(circuit)
    with bars() as progress:
        loaded = load_model(model, options=options.loading, progress=progress)
    asked = options.chat if options.chat != ChatFormat() else None  # None: as the circuit was found
    found = verify(circuit, loaded, contrast=contrast, chat=asked)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        show("\n".join(found.lines()))
    if contrast is None and not weights_only:
        errors.print("Its own prompts were not read again: name the file they are in with --behaviour.")
    return 0 if found.intact else NOT_INTACT
