"""All methods at the same damage: the curve of each over its strengths, and the rate where it meets the budget."""

from neuroswitch.report import plots
from neuroswitch.report.plots import Axis, Chart, Point, Series
from neuroswitch.report.view import View, measure_axis, write
from neuroswitch.report.words import percent, points, short_number
from neuroswitch.summary import CurvePoint, Matched, MatchedRow

SHOWN = 2.0
"""How far the damage axis goes, as a multiple of the budget."""


def same_damage(view: View) -> dict[str, object] | None:
    """Return each method's rate at the budget, with the curves that it was read off."""
    found = view.summary.matched
    if found is None or not view.many:
        return None
    info = view.summary.measures[found.by]
    return {
        "info": info,
        "budget": write(info, found.budget),
        "curves": curves(view, found),
        "rows": found.rows,
        "difference": difference(view, found),
        "above": [row.method for row in found.rows if dearer(row)],
        "below": [row.method for row in found.rows if row.strengths[0] == row.strengths[1]],
    }


def dearer(row: MatchedRow) -> bool:
    """Say whether every strength of a method costs more than the budget."""
    return row.strengths[0] == 0 and row.strengths[1] != 0


def difference(view: View, found: Matched) -> str:
    """Return how the best circuit compares with the best other method, in one sentence; empty without one of them."""
    if found.difference is None:
        return ""
    one, rates = found.difference.difference, {row.method: row.rate.value for row in found.rows}
    circuit, other = found.difference.circuit, found.difference.other
    sure = (
        "the interval holds zero"
        if (one.low or 0.0) <= 0 <= (one.high or 0.0)
        else "the interval does not hold zero"
    )
    return (
        f"The best circuit, {circuit}, leaves {percent(rates[circuit])}, the best other method, {other}, "
        f"{percent(rates[other])}: a difference of {points(one.value)} percentage points, paired by prompt "
        f"({points(one.low)} to {points(one.high)}; {sure}). Both were chosen on these prompts, as the best of their "
        "kind."
    )


def curves(view: View, found: Matched) -> Chart:
    """Return rate against damage on a linear axis around the budget, one line per method."""
    info, limit = view.summary.measures[found.by], SHOWN * found.budget
    ticks = (
        measure_axis(info, [0.0, limit], info.cost) if not info.log else plots.linear([0.0, limit], info.cost)
    )
    series = [_line(view, row, limit) for row in found.rows]
    start = found.rows[0].points[0]
    untouched = Point(0.0, start.rate, f"Untouched: {percent(start.rate)}")
    series.append(Series("Untouched", "baseline", (untouched,), joined=False))
    x = Axis(0.0, limit, ticks.title, ticks.kind, tuple(one for one in ticks.values if 0 <= one <= limit))
    return Chart(x, plots.fractions(f"{view.rate_title} (%)"), tuple(series), found.budget)


def _line(view: View, row: MatchedRow, limit: float) -> Series:
    """Return a curve up to the end of the axis; its ends have no mark where nothing was measured."""
    inside = [one for one in row.points if one.damage <= limit]
    shown = [
        Point(
            one.damage,
            one.rate,
            f"{row.method}, strength {short_number(one.strength)}: {percent(one.rate)} at {short_number(one.damage)}",
            marked=one.strength != 0,
        )
        for one in inside
    ]
    behind = next((one for one in row.points if one.damage > limit), None)
    end = _between(inside[-1], behind, limit) if behind else inside[-1].rate
    return Series(row.method, view.tone(row.method), (*shown, Point(limit, end, "", marked=False)))


def _between(one: CurvePoint, other: CurvePoint, damage: float) -> float:
    share = (damage - one.damage) / (other.damage - one.damage)
    return one.rate + share * (other.rate - one.rate)
