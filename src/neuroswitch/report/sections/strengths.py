"""Every measure by strength, one line per method, and MMLU as a table."""

from collections.abc import Sequence

from neuroswitch.records import MeasureInfo
from neuroswitch.report import plots
from neuroswitch.report.plots import Axis, Chart, Point, Series
from neuroswitch.report.view import View, ends, measure_axis, write
from neuroswitch.report.words import short_number
from neuroswitch.summary import Cell

SPREAD = 0.012
"""How far apart points at one strength are drawn."""


def over_strengths(view: View) -> dict[str, object] | None:
    """Return one chart for the behaviour and for each measure of damage; None for a single strength."""
    cells = view.summary.changed()
    values = tuple(sorted({0.0, *(cell.strength for cell in cells)}))
    if not view.many or len(values) < 3:
        return None
    margin = 0.05 * (values[-1] - values[0])
    strengths = Axis(values[0] - margin, values[-1] + margin, "strength", values=values)
    series = _lines(view, view.summary.measures["behaviour"])
    charts = [("behaviour", Chart(strengths, plots.fractions(f"{view.rate_title} (%)"), series))]
    for name, info in view.damage.items():
        series = _lines(view, info)
        charts.append((name, Chart(strengths, _value_axis(info, series), series)))
    return {
        "charts": charts,
        "mmlu": _mmlu(view),
        "methods": _by_method(view, cells),
        "measures": view.damage,
    }


def _value_axis(info: MeasureInfo, series: Sequence[Series]) -> Axis:
    values = [end for one in series for point in one.points for end in (point.y, *(point.y_range or ()))]
    if len(set(values)) == 1:  # nothing moved: show it against 0, not as a line at the foot
        values.append(0.0)
    return measure_axis(info, values, info.title)


def _lines(view: View, info: MeasureInfo) -> tuple[Series, ...]:
    """Return one line per method; points at one strength stand side by side, so that intervals show."""
    series = []
    for index, (method, cells) in enumerate(_by_method(view, view.summary.changed()).items()):
        aside = SPREAD * (index - (len(view.methods) - 1) / 2)
        points = [
            Point(
                cell.strength + aside,
                found.value,
                f"{method}, strength {short_number(cell.strength)}: {write(info, found.value)} (n = {found.n})",
                None,
                ends(found),
            )
            for cell in sorted([view.summary.untouched(), *cells], key=lambda cell: cell.strength)
            if (found := cell.measures.get(info.name)) and found.value is not None
        ]
        series.append(Series(method, view.tone(method), tuple(points)))
    return tuple(series)


def _by_method(view: View, cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    return {method: [cell for cell in cells if cell.method == method] for method in view.methods}


def _mmlu(view: View) -> dict[str, object] | None:
    """Return MMLU by method and strength, as the paper's table 3 has it; None where it was not asked."""
    baseline = view.summary.untouched().measures.get("mmlu")
    asked = [cell for cell in view.summary.changed() if "mmlu" in cell.measures]
    if baseline is None or not asked:
        return None
    strengths = sorted({cell.strength for cell in asked})
    rows = [
        (
            method,
            [next((cell for cell in cells if cell.strength == strength), None) for strength in strengths],
        )
        for method, cells in _by_method(view, asked).items()
        if cells
    ]
    return {"baseline": baseline, "strengths": strengths, "rows": rows, "info": view.summary.measures["mmlu"]}
