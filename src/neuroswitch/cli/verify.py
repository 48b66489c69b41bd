"""`neuroswitch verify`: is a circuit intact in a checkpoint?"""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neuroswitch.chat import ChatFormat
from neuroswitch.circuits import own_prompts
from neuroswitch.circuits import verify as verify_circuit
from neuroswitch.cli.console import bars, console, errors
from neuroswitch.models import LoadOptions, load
from neuroswitch.options import group
from neuroswitch.prompts import ContrastSet

NOT_INTACT = 3
"""Exit status that tells a circuit that was changed from an error."""


def verify(
    circuit: Path,
    /,
    *,
    model: str,
    behaviour: str | None = None,
    weights_only: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    chat: Annotated[ChatFormat, group("Prompts")] = ChatFormat(),
    loading: Annotated[LoadOptions, group("Model")] = LoadOptions(),
) -> None:
    """Say what happened to a circuit's neurons in a checkpoint. Exit status: 0 intact, 3 not, 1 error.

    Example: neuroswitch verify circuit --model a-fine-tune/

    Args:
        circuit: Folder of a circuit.
        model: Hub id, folder, GGUF file, or 'demo'.
        behaviour: The circuit's own prompts, if they are no built-in set: the file it was found with.
        weights_only: Compare weights; read no prompts.
        as_json: Print everything as JSON, neuron by neuron.
    """
    if weights_only:
        contrast = None
    elif behaviour is None:
        contrast = own_prompts(circuit)
    elif Path(behaviour).is_file():
        contrast = ContrastSet.read(behaviour)
    else:
        contrast = ContrastSet.builtin(behaviour)
    with bars() as progress:
        loaded = load(model, options=loading, progress=progress)
    found = verify_circuit(circuit, loaded, contrast=contrast, chat=chat)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        console.print("\n".join(found.lines()), markup=False, highlight=False, soft_wrap=True)
    if contrast is None and not weights_only:
        errors.print("Its own prompts were not read again: name the file they are in with --behaviour.")
    if not found.intact:
        sys.exit(NOT_INTACT)
