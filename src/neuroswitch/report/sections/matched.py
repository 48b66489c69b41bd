"""All methods at the same damage."""

from neuroswitch.report.view import View, write


def same_damage(view: View) -> dict[str, object] | None:
    """Return each method at the strength whose damage is the largest within the budget."""
    found = view.summary.matched
    if found is None or not view.many:
        return None
    info = view.summary.measures[found.by]
    return {
        "info": info,
        "budget": write(info, found.budget),
        "rows": [row for row in found.rows if row.behaviour is not None],
        "out": [row.method for row in found.rows if row.behaviour is None],
    }
