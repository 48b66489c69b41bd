"""`neuroswitch doctor`: would this model work, and what would happen?"""

import json
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from neuroswitch.cli.console import bars, console, show
from neuroswitch.cli.options import Model
from neuroswitch.options import LoadOptions
from neuroswitch.values import Flag

if TYPE_CHECKING:
    from neuroswitch.doctor import Diagnosis


def doctor_command(
    model: Model,
    /,
    *,
    probe: Flag = False,
    as_json: Annotated[Flag, Parameter(name="--json")] = False,
    loading: LoadOptions = LoadOptions(),
) -> int:
    """Say what would happen to a model before anything heavy runs.

    Exit status: 0 usable, 1 not usable, or an error.

    Example:
        neuroswitch doctor Qwen/Qwen3-0.6B --probe

    Args:
        probe: Load the model, read and scale it for a moment.
        as_json: Print one JSON object and nothing else.
    """
    from neuroswitch.doctor import diagnose

    with bars() as progress:
        found = diagnose(model, options=loading, with_weights=probe, progress=progress)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        _show(found)
    return 0 if found.usable else 1


def _show(found: "Diagnosis") -> None:
    from neuroswitch.doctor import lines

    for name, text in lines(found):
        show(f"{name:<14}{text}")
    for name, holds in found.checks.items():
        console.print(
            f"[{'green' if holds else 'bold red'}]{'ok' if holds else 'NO'}[/]  {name}", markup=True
        )
    for text in found.problems:
        console.print("\n[bold red]Problem:[/] ", end="", markup=True)
        show(text)
    console.print("\nUsable." if found.usable else "\nNot usable as it is.")
