"""What the answers were: every verdict, counted."""

from neuroswitch.report import plots
from neuroswitch.report.sections.rates import rate_groups
from neuroswitch.report.view import RATES, View


def verdict_counts(view: View) -> dict[str, object] | None:
    """Return the verdicts of each state side by side; on both piles where one method of one model was tried."""
    groups = []
    for group in rate_groups(view):
        rows = [
            (view.label(cell), plots.stack(labels, list(view.verdicts)))
            for cell in group.cells
            if (labels := cell.labels.get(RATES[group.measure]))
        ]
        if rows and (group.measure == "behaviour" or not (view.many or view.two)):
            groups.append((group.name, rows))
    return {"groups": groups} if groups else None
