"""All methods at the same damage."""

from neuroswitch.report import plots
from neuroswitch.report.view import View, rate_dot, write


def same_damage(view: View) -> dict[str, object] | None:
    """Return each method at the strength whose damage is the largest within the budget."""
    found = view.summary.matched
    if found is None or not view.many:
        return None
    info = view.summary.measures[found.by]
    return {
        "info": info,
        "budget": write(info, found.budget),
        "before": view.dot(view.summary.untouched()),
        "ticks": plots.fractions("").ticks,
        "rows": [
            (row, rate_dot(row.method, view.tone(row.method), row.behaviour))
            for row in found.rows
            if row.behaviour is not None
        ],
        "out": [row.method for row in found.rows if row.behaviour is None],
    }
