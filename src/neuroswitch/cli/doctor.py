"""`neuroswitch doctor`: would this model work, and what would happen?"""

import json
import sys
from typing import Annotated

from cyclopts import Parameter

from neuroswitch.cli.console import bars, console
from neuroswitch.doctor import Diagnosis, diagnose, lines
from neuroswitch.models import LoadOptions
from neuroswitch.options import group


def doctor(
    model: str,
    /,
    *,
    probe: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    loading: Annotated[LoadOptions, group("Model")] = LoadOptions(),
) -> None:
    """Say what would happen to a model before anything heavy runs; exit status 0 only if it is usable.

    Example: neuroswitch doctor Qwen/Qwen3-0.6B --probe

    Args:
        model: Hub id, folder, GGUF file, or 'demo'.
        probe: Load the model, read and scale it for a moment.
        as_json: Print one JSON object and nothing else.
    """
    with bars() as progress:
        found = diagnose(model, options=loading, with_weights=probe, progress=progress)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        _show(found)
    sys.exit(0 if found.usable else 1)


def _show(found: Diagnosis) -> None:
    for name, text in lines(found):
        console.print(f"{name:<14}{text}", markup=False, highlight=False, soft_wrap=True)
    for name, holds in found.checks.items():
        console.print(f"[{'green' if holds else 'bold red'}]{'ok' if holds else 'NO'}[/]  {name}")
    for text in found.problems:
        console.print("\n[bold red]Problem:[/] ", end="")
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print("\nUsable." if found.usable else "\nNot usable as it is.")
