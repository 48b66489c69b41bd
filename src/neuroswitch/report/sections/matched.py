"""All methods at the same damage."""

from neuroswitch.report import plots
from neuroswitch.report.plots import Dot
from neuroswitch.report.view import View, write, write_range
from neuroswitch.report.words import percent


def section(view: View) -> dict[str, object] | None:
    """Return each method at the strength whose damage is the largest within the budget."""
    found = view.summary.matched
    if found is None or not view.many:
        return None
    info = view.summary.measures[found.by]
    rows = []
    for row in found.rows:
        if row.behaviour is not None and row.damage is not None:
            rate = row.behaviour
            dot = Dot(row.method, view.tone(row.method), rate.value, rate.low, rate.high, percent(rate.value))
            rows.append((row, dot, write(info, row.damage.value), write_range(info, row.damage)))
    return {
        "info": info,
        "budget": write(info, found.budget),
        "before": view.dot(view.untouched(view.roles[0])),
        "ticks": plots.fractions("").ticks,
        "rows": rows,
        "out": [row.method for row in found.rows if row.behaviour is None],
    }
