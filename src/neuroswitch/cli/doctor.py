"""`neuroswitch doctor`: would this model work, and what would happen?"""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, console

if TYPE_CHECKING:
    from neuroswitch.doctor import Diagnosis


def doctor(  # noqa: PLR0913  one parameter per option of the command line
    model: Annotated[str, typer.Argument(help="Hub id, folder, GGUF file, or 'demo'.")],
    *,
    probe: Annotated[
        bool, typer.Option("--probe", help="Load the model, read and scale it for a moment.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    sites: o.Sites = None,
    revision: o.Revision = None,
    dtype: o.Dtype = "auto",
    trust_remote_code: o.TrustRemoteCode = False,
) -> None:
    """Say what would happen to a model before anything heavy runs; exit status 0 only if it is usable."""
    from neuroswitch.doctor import diagnose
    from neuroswitch.models import LoadOptions

    options = LoadOptions(revision=revision, dtype=dtype, sites=sites, trust_remote_code=trust_remote_code)
    with bars() as progress:
        found = diagnose(model, options=options, with_weights=probe, progress=progress)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        _show(found)
    raise typer.Exit(0 if found.usable else 1)


def _show(found: "Diagnosis") -> None:
    from neuroswitch.doctor import lines

    for name, text in lines(found):
        console.print(f"{name:<14}{text}", markup=False, highlight=False, soft_wrap=True)
    for name, holds in found.checks.items():
        console.print(f"[{'green' if holds else 'bold red'}]{'ok' if holds else 'NO'}[/]  {name}")
    for text in found.problems:
        console.print("\n[bold red]Problem:[/] ", end="")
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print("\nUsable." if found.usable else "\nNot usable as it is.")
