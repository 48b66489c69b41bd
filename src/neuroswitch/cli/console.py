"""What the commands draw on the terminal: progress bars, one table for all experiments, errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from neuroswitch.processes import is_first
from neuroswitch.progress import Progress, silent
from neuroswitch.report import Summary
from neuroswitch.report.view import write
from neuroswitch.report.words import between, p_value, percent

console = Console(quiet=not is_first())
errors = Console(stderr=True)


@contextmanager
def bars() -> Iterator[Progress]:
    """Show one bar per stage while the block is open; yield what library functions report to.

    Of several processes the first one draws.
    """
    if not is_first():
        yield silent
        return
    columns = (
        TextColumn("{task.description:<34}"),
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


def show_summary(summary: Summary, output: Path) -> None:
    """Print the table of an experiment, what its circuits share, its warnings, and where the report is."""
    console.print(summary_table(summary))
    for one in summary.overlap:
        console.print(
            f"{one.name}: {one.shared} shared of {one.sizes[0]}, chance {one.anywhere.expected:.2g}, "
            f"in the same layers {one.by_layer.expected:.2g} (p = {one.by_layer.p:.2g})"
        )
    for warning in summary.warnings:
        console.print(f"[yellow]Note:[/] {warning}")
    console.print(f"Report: {(output / 'report.html').resolve()}", soft_wrap=True)


def summary_table(summary: Summary) -> Table:
    """Lay out an experiment, one state a row; a measure that was not taken has no column."""
    names = " and ".join(model.name for model in summary.models.values())
    table = Table(title=f"{summary.behaviour} in {names}")
    two = len(summary.models) > 1
    table.add_column("model and method" if two else "method", no_wrap=True)
    damage = {
        name: info
        for name, info in summary.measures.items()
        if name not in ("behaviour", "benign") and not name.startswith("routing_")
    }
    titles = [info.title for info in damage.values()]
    for heading in ("strength", "shown", "95 % interval", "n", "benign", *titles, "p (Holm)"):
        table.add_column(heading, justify="right", overflow="fold")  # a number is never cut short
    for cell in summary.cells:
        values = {name: found.value for name, found in cell.measures.items()}
        rate, benign = cell.measures["behaviour"], cell.measures.get("benign")
        test = cell.tests.get("behaviour")
        table.add_row(
            f"{summary.models[cell.model].name}, {cell.method}" if two else cell.method,
            f"{cell.strength:g}",
            percent(rate.value),
            between(rate.low, rate.high),
            str(rate.n),
            percent(benign.value if benign else None),
            *(write(info, values.get(name)) for name, info in damage.items()),
            p_value(test.p_adjusted if test else None),
        )
    return table
