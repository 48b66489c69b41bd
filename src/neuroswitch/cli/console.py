"""What the commands print on the terminal: progress bars, one table for all experiments, errors."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from neuroswitch.processes import is_first
from neuroswitch.progress import Progress, silent

if TYPE_CHECKING:
    from neuroswitch.summary import Summary

# texts of users and models are shown as they are: "[v1]" is no style, ":smile:" no picture
console = Console(quiet=not is_first(), markup=False, emoji=False)
errors = Console(stderr=True, markup=False, emoji=False)


@contextmanager
def bars() -> Iterator[Progress]:
    """Show one bar for each stage while the block is open; yield the function that stages report to.

    Of several processes the first one draws.
    """
    if not is_first():
        yield silent
        return
    columns = (
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Bars(*columns, console=errors) as drawn:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = drawn.add_task(stage, total=total)
            drawn.update(tasks[stage], completed=done, total=total)

        yield report


def show_error(title: str, text: str) -> None:
    """Print an error without a traceback."""
    errors.print(f"[bold red]{title}:[/] ", end="", markup=True)
    errors.print(text, markup=False, highlight=False, soft_wrap=True)


def show(text: str) -> None:
    """Print a text as it is: no markup, no colours, no line breaks of our own."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def show_note(text: str) -> None:
    """Print what a reader must know, with its heading."""
    console.print("[yellow]Note:[/] ", end="", markup=True)
    show(text)


def plain_streams() -> None:
    """Let a terminal that is not UTF-8 show `?` for what it cannot show, and not end the command."""
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if isinstance(stream, io.TextIOWrapper) and not encoding.lower().startswith("utf"):
            stream.reconfigure(errors="replace")


def show_place(title: str, path: Path) -> None:
    """Print where something was written."""
    show(f"{title}: {path.resolve()}")


def show_summary(summary: "Summary") -> None:
    """Print a table for each model, what the circuits of two models share, and the warnings."""
    for role in summary.models:
        console.print(summary_table(summary, role))
    for one in summary.overlap:
        show(
            f"{one.name}: {one.shared} shared of {one.sizes[0]}, chance {one.anywhere.expected:.2g}, "
            f"in the same layers {one.by_layer.expected:.2g} (p = {one.by_layer.p:.2g})"
        )
    for warning in summary.warnings:
        show_note(warning)


ON_THE_PAGE_ONLY = ("kl_shown", "kl_first", "benign_quality", "mmlu_cot_unread")
"""Measures for which a terminal has no room."""


def summary_table(summary: "Summary", role: str) -> Table:
    """Lay out one model, a method at a strength in each row; a measure that was not taken has no column."""
    from neuroswitch.report import between, p_value, percent, write

    title = f"{summary.behaviour} in {summary.models[role].name}"
    table = Table(title=title, box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("method", no_wrap=True)
    others = [
        info
        for name, info in summary.measures.items()
        if name not in ("behaviour", *ON_THE_PAGE_ONLY) and not name.startswith("routing")
    ]
    for heading in ("strength", "shown", "95 % interval", "n", *(one.title for one in others), "p (Holm)"):
        table.add_column(heading, justify="right", overflow="fold")  # a number is never cut off
    for cell in (summary.untouched(role), *summary.changed(role)):
        values = {name: found.value for name, found in cell.measures.items()}
        rate, test = cell.measures["behaviour"], cell.tests.get("behaviour")
        table.add_row(
            cell.method,
            f"{cell.strength:g}",
            percent(rate.value),
            between(rate.low, rate.high),
            str(rate.n),
            *(write(info, values.get(info.name)) for info in others),
            p_value(test.p_adjusted if test else None),
        )
    return table
