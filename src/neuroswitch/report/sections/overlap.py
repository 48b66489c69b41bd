"""What the circuits of two models share, against chance."""

from neuroswitch.report.view import View


def circuits_shared(view: View) -> dict[str, object] | None:
    """Return the pairs of circuits that were compared; None for one model."""
    return {"pairs": view.summary.overlap} if view.two else None
