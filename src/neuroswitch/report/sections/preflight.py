"""Is the behaviour measured well? The rate by length of the answers, and how far a judge agrees with the detector."""

from neuroswitch.report.view import View


def measured_well(view: View) -> dict[str, object] | None:
    """Return the rate had the answers been cut short, and the judge; None where there is neither."""
    summary = view.summary
    if not summary.by_length and summary.judged is None:
        return None
    model = f"the untouched {next(iter(summary.models.values())).name}" if view.two else "the untouched model"
    return {"model": model, "by_length": summary.by_length, "judged": summary.judged}
