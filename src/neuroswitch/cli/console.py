"""What the commands draw on the terminal: bars with the time left, tables, errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from neuroswitch.processes import is_first
from neuroswitch.progress import Progress, silent
from neuroswitch.report import between, measured, p_value, percent, taken

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
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = drawn.add_task(stage, total=total)
            drawn.update(tasks[stage], completed=done, total=total)

        yield report


def rates_table(summary: dict[str, Any]) -> Table:
    """Lay out the rates of a run, one condition a row."""
    table = Table(title=f"{summary['behaviour']} in {summary['model']['name']}")
    for heading in ("condition", "shown", "rate", "95 % interval", "quality"):
        table.add_column(heading, justify="left" if heading == "condition" else "right")
    circuit = summary["circuit"]
    rows = {
        "baseline": summary["baseline"],
        f"circuit x {circuit['multiplier']:g}, {circuit['neurons']} neurons": summary["steered"],
        "random neurons, same layers": summary["random"],
        "benign prompts, baseline": summary["benign"]["baseline"],
        "benign prompts, circuit": summary["benign"]["steered"],
    }
    for name, rate in rows.items():
        table.add_row(name, *_cells(rate))
    return table


def comparison_table(summary: dict[str, Any]) -> Table:
    """Lay out a comparison, one method at one strength a row; a measure that was not taken has no column."""
    table = Table(title=f"{summary['behaviour']} in {summary['model']['name']}")
    rows = [{"name": "untouched", "strength": 0.0, **summary["baseline"]}, *summary["methods"]]
    measures = taken(rows)
    table.add_column("method", no_wrap=True)
    titles = [measure.title for measure in measures.values()]
    for heading in ("strength", "shown", "95 % interval", "benign", *titles, "p (Holm)"):
        table.add_column(heading, justify="right", overflow="fold")  # a number is never cut short
    for row in rows:
        harmful = row["harmful"]
        cells = [percent(harmful["value"]), between(harmful["low"], harmful["high"])]
        cells.append(percent(row["benign"]["value"]))
        cells += [
            measure.write(found["value"] if (found := measured(row, key)) else None)
            for key, measure in measures.items()
        ]
        table.add_row(row["name"], f"{row['strength']:g}", *cells, p_value(row.get("p_adjusted")))
    return table


def _cells(rate: dict[str, Any]) -> tuple[str, str, str, str]:
    if rate["rate"] is None:
        return ("-", "-", "-", "-")
    return (
        f"{rate['refusals']} of {rate['n']}",
        f"{rate['rate']:.1%}",
        f"{rate['low']:.1%} to {rate['high']:.1%}",
        "-" if rate["quality"] is None else f"{rate['quality']:.3f}",
    )
