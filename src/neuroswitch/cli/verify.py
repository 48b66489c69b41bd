"""`neuroswitch verify`: is a circuit intact in a checkpoint?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, console, errors

NOT_INTACT = 3
"""Exit status that tells a circuit that was changed from an error."""


def verify(  # noqa: PLR0913  one parameter per option of the command line
    circuit: Annotated[Path, typer.Argument(help="Folder of a circuit.")],
    *,
    model: o.Model,
    behaviour: Annotated[
        str | None,
        typer.Option(
            help="The circuit's own prompts, if they are no built-in set: the file it was found with."
        ),
    ] = None,
    weights_only: Annotated[bool, typer.Option(help="Compare weights; read no prompts.")] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, neuron by neuron.")
    ] = False,
    system: o.System = None,
    thinking: o.Thinking = None,
    revision: o.Revision = None,
    dtype: o.Dtype = "auto",
    device: o.Device = "auto",
    trust_remote_code: o.TrustRemoteCode = False,
) -> None:
    """Say what became of a circuit's neurons in a checkpoint. Exit status: 0 intact, 3 not, 1 error."""
    from neuroswitch.chat import ChatFormat
    from neuroswitch.circuits import own_prompts
    from neuroswitch.circuits import verify as verify_circuit
    from neuroswitch.models import LoadOptions, load_model
    from neuroswitch.prompts import ContrastSet

    if weights_only:
        contrast = None
    elif behaviour is None:
        contrast = own_prompts(circuit)
    elif Path(behaviour).is_file():
        contrast = ContrastSet.read(behaviour)
    else:
        contrast = ContrastSet.builtin(behaviour)
    loading = LoadOptions(revision=revision, dtype=dtype, device=device, trust_remote_code=trust_remote_code)
    with bars() as progress:
        loaded = load_model(model, options=loading, progress=progress)
    chat = ChatFormat(system=system, thinking=thinking)
    found = verify_circuit(circuit, loaded, contrast=contrast, chat=chat)
    if json_:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        console.print("\n".join(found.lines()), markup=False, highlight=False, soft_wrap=True)
    if contrast is None and not weights_only:
        errors.print("Its own prompts were not read again: name the file they are in with --behaviour.")
    if not found.intact:
        raise typer.Exit(NOT_INTACT)
