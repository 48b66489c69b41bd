"""`neuroswitch push` and `neuroswitch pull`: circuit folders to and from the Hugging Face Hub, or a folder."""

from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import console


def push(
    circuit: Annotated[Path, typer.Argument(help="Folder of a circuit.")],
    target: Annotated[
        str, typer.Argument(help="Hub repository (name/circuit), or a folder as a path: ./shelf/x.")
    ],
    *,
    summary: Annotated[
        Path | None,
        typer.Option(
            help="summary.json whose results the card shall state. Default: that of the circuit's own run."
        ),
    ] = None,
    licence: Annotated[
        str, typer.Option("--license", help="Licence of the circuit, as the Hub abbreviates it.")
    ] = "other",
    public: Annotated[bool, typer.Option(help="Make a new repository public.")] = False,
) -> None:
    """Publish a circuit with a card: base model, behaviour, what was measured, limits."""
    from neuroswitch.circuits import hub

    facts = hub.find_facts(circuit, summary, license=licence)
    where = hub.push(circuit, target, facts=facts, private=not public)
    said = "with the results of its run" if facts.summary else "nothing was measured, and the card says so"
    console.print(f"Pushed, {said}: {where}", soft_wrap=True, markup=False)


def pull(
    source: Annotated[str, typer.Argument(help="Hub repository (name/circuit), or a folder as a path.")],
    *,
    output: Annotated[
        Path | None, typer.Option(help="Where to put it. Default: the folder's own name, here.")
    ] = None,
    revision: o.Revision = None,
) -> None:
    """Fetch a circuit and check it."""
    from neuroswitch.circuits import hub

    destination = output or Path(Path(source).name)
    console.print(f"Circuit: {hub.pull(source, destination, revision=revision).resolve()}", soft_wrap=True)
