"""Is the behaviour measured well? The rate by length of the answers, and a judge's opinion."""

from neuroswitch.report.view import View


def section(view: View) -> dict[str, object] | None:
    """Return the rate had answers been cut short; None where there are no answers."""
    if not view.summary.by_length:
        return None
    return {"by_length": view.summary.by_length, "judged": view.summary.judged}
