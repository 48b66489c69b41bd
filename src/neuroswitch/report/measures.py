"""What is known of each damage measure: its name, its direction, how it is written and drawn.

A new measure is one row here. Knows the report's documents, not how anything was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from neuroswitch.report import plots
from neuroswitch.report.plots import Axis
from neuroswitch.report.schema import Measured
from neuroswitch.report.words import MISSING, between, number, percent, plain


class Measure(NamedTuple):
    """A damage measure.

    Attributes:
        title: As a heading.
        cost: The same as something lost or added, with its unit.
        toward: -1 where more is better, so that a cost is a loss; 1 where less is better.
        from_zero: Whether the untouched model scores 0 by definition.
        log: Whether its cost is drawn on a logarithmic axis.
        write: How a value is written.
    """

    title: str
    cost: str
    toward: int
    from_zero: bool
    log: bool
    write: Callable[[float | None], str]

    def cost_of(self, value: float, baseline: float) -> float:
        """Return what a value costs against the untouched model, in the unit of the measure."""
        return value if self.from_zero else self.toward * (value - baseline)

    def write_range(self, low: float | None, high: float | None) -> str:
        """Write an interval of values."""
        if low is None or high is None:
            return MISSING
        return between(low, high) if self.write is percent else f"{self.write(low)}–{self.write(high)}"

    def axis(self, costs: list[float]) -> Axis:
        """Return the axis for some costs."""
        if self.log:
            return plots.logarithmic(costs, f"{self.cost}, logarithmic")
        kind = "fraction" if self.write is percent else "linear"
        return plots.linear([0.0, *costs], self.cost + (" (%)" if kind == "fraction" else ""), kind=kind)


MEASURES: Mapping[str, Measure] = {
    "quality": Measure("Quality", "quality lost", -1, False, False, number),
    "kl": Measure("KL", "KL divergence from the untouched model (nats per token)", 1, True, True, plain),
    "perplexity": Measure("Perplexity", "perplexity added", 1, False, True, plain),
    "mmlu": Measure("MMLU", "MMLU accuracy lost", -1, False, False, percent),
    "overrefusal": Measure("Over-refusal", "over-refusal added", 1, False, False, percent),
}


def measured(cell: Mapping[str, Any], key: str) -> Measured | None:
    """Return a measurement of a cell if it was taken and has a value."""
    found: Measured | None = cell.get(key)
    return found if found is not None and found["value"] is not None else None


def taken(cells: Sequence[Mapping[str, Any]]) -> dict[str, Measure]:
    """Return the measures that at least one cell has, in the usual order."""
    return {key: measure for key, measure in MEASURES.items() if any(measured(cell, key) for cell in cells)}
