"""The page that compares methods: what the templates need, taken from the comparison's summary.

The paper's tables and figures for one model (refusals before and after, damage by strength, rate
by strength, layer profile) and what it lacks: behaviour against damage, and every method at the
same damage. Knows no HTML, and no method by name except the random control.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from neuroswitch.report import plots, verdicts
from neuroswitch.report.comparison_prose import answer, cautions, limits
from neuroswitch.report.measures import MEASURES, Measure, measured, taken
from neuroswitch.report.plots import Axis, Chart, Point, Series
from neuroswitch.report.prose import named, pile_names, rate_name, rate_title
from neuroswitch.report.run import concentration, layers, short_name
from neuroswitch.report.schema import Comparison, Layers, Measured, MethodCell, ResultRow
from neuroswitch.report.words import between, percent, plain

SPREAD = 0.012
"""How far apart points at one strength are drawn."""

TONES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10")
MARKS = {
    "baseline": "ring",
    "random": "diamond",
    **dict(zip(TONES, "circle square triangle down cross plus left right bar star".split(), strict=True)),
}


class Method(NamedTuple):
    """One method and all its strengths, weakest first; `tone` is its colour on the whole page."""

    name: str
    tone: str
    cells: tuple[MethodCell, ...]

    @property
    def full(self) -> MethodCell:
        """The cell at the greatest strength."""
        return self.cells[-1]


def context(summary: Comparison, rows: Sequence[ResultRow], *, show_completions: bool) -> dict[str, Any]:
    """Return the variables of `comparison.html.j2`; completions are not shown, so `rows` is not read."""
    methods = _methods(summary)
    cells = [summary["baseline"], *summary["methods"]]
    tones = verdicts.tones(cell.get("labels", {}) for cell in cells)
    return {
        "kind": "comparison",
        "title": f"Ways to switch {named(summary['behaviour'])} in",
        "model_name": short_name(summary["model"]),
        "question": (
            f"Which method changes the {rate_name(summary['behaviour'])} most, "
            "and what does each cost the model?"
        ),
        "answer": answer(summary),
        "cautions": cautions(summary),
        "limits": limits(summary),
        "rate_title": rate_title(summary["behaviour"]),
        "rate_name": rate_name(summary["behaviour"]),
        "piles": pile_names(summary["behaviour"]),
        "methods": methods,
        "marks": MARKS,
        "tones": tones,
        "ticks": plots.fractions("").ticks,
        "before": _dot("Untouched", "baseline", summary["baseline"]["harmful"]),
        "after": [(method, _dot(method.name, method.tone, method.full["harmful"])) for method in methods],
        "stacks": _stacks(summary, methods, list(tones)),
        "pareto": _pareto(summary, methods),
        "by_strength": _by_strength(summary, methods),
        "measures": taken(cells),
        "capability": _capability(summary, methods),
        "preflight": summary.get("preflight"),
        "matched": _matched(summary, methods),
        "profile": profile_chart(summary.get("layers", []), _profile_tones(summary, methods)),
        "profiles": [(one, concentration(one)) for one in summary.get("layers", [])],
        "descriptions": summary.get("descriptions", {}),
        "hows": _hows(summary),
    }


def _hows(summary: Comparison) -> dict[str, str]:
    """Return how each number was obtained, by its column."""
    names = {"harmful": "Rates", **{key: measure.title for key, measure in MEASURES.items()}}
    return {
        title: found["how"] for key, title in names.items() if (found := measured(summary["methods"][0], key))
    }


def _methods(summary: Comparison) -> list[Method]:
    found: dict[str, list[MethodCell]] = {}
    for cell in summary["methods"]:
        found.setdefault(cell["name"], []).append(cell)
    others = [name for name in found if name != "random"]
    tones = {name: TONES[index % len(TONES)] for index, name in enumerate(others)} | {"random": "random"}
    return [
        Method(name, tones[name], tuple(sorted(cells, key=lambda cell: cell["strength"])))
        for name, cells in found.items()
    ]


def _dot(label: str, tone: str, found: Measured) -> plots.Dot:
    """Return a measured rate as a row of a dot plot."""
    return plots.Dot(label, tone, found["value"], found["low"], found["high"], percent(found["value"]))


def _stacks(
    summary: Comparison, methods: list[Method], labels: list[str]
) -> list[tuple[str, tuple[plots.Segment, ...]]]:
    """Return the verdicts of the untouched model and of each method at full strength."""
    named = [("Untouched", summary["baseline"]), *((method.name, method.full) for method in methods)]
    return [(name, plots.stack(cell["labels"], labels)) for name, cell in named if cell.get("labels")]


def _pareto(summary: Comparison, methods: list[Method]) -> Chart | None:
    """Return behaviour against damage: one line per method, from the untouched model to full strength."""
    key = summary["damage"]
    measure, baseline = MEASURES[key], measured(summary["baseline"], key)
    reference = baseline["value"] if baseline and baseline["value"] is not None else 0.0
    series = []
    for method in methods:
        points = [
            _pareto_point(method.name, cell, key, reference) for cell in method.cells if cell["strength"]
        ]
        series.append(Series(method.name, method.tone, tuple(point for point in points if point)))
    start = summary["baseline"]["harmful"]
    if start["value"] is not None:
        untouched = Point(0.0, start["value"], f"Untouched: {percent(start['value'])}", None, _range(start))
        series.append(Series("Untouched", "baseline", (untouched,), joined=False))
    costs = [end for one in series for point in one.points for end in (point.x, *(point.x_range or ()))]
    if not any(one.points for one in series[:-1]):
        return None
    return Chart(
        measure.axis(costs), plots.fractions(f"{rate_title(summary['behaviour'])} (%)"), tuple(series)
    )


def _pareto_point(name: str, cell: MethodCell, key: str, reference: float) -> Point | None:
    measure, damage, rate = MEASURES[key], measured(cell, key), cell["harmful"]
    if damage is None or damage["value"] is None or rate["value"] is None:
        return None
    costs = _range(damage)
    return Point(
        measure.cost_of(damage["value"], reference),
        rate["value"],
        f"{name}, strength {plain(cell['strength'])}: {percent(rate['value'])} "
        f"({between(rate['low'], rate['high'])}), {measure.title} {measure.write(damage['value'])}",
        _sorted(measure.cost_of(costs[0], reference), measure.cost_of(costs[1], reference))
        if costs
        else None,
        _range(rate),
    )


def _by_strength(summary: Comparison, methods: list[Method]) -> list[tuple[str, Chart]]:
    """Return one chart over the strengths for the behaviour and for each damage measure."""
    values = tuple(sorted({0.0, *(cell["strength"] for cell in summary["methods"])}))
    margin = 0.05 * (values[-1] or 1.0)
    strengths = Axis(-margin, (values[-1] or 1.0) + margin, "strength", values=values)
    rates = plots.fractions(f"{rate_title(summary['behaviour'])} (%)")
    charts = [("harmful", Chart(strengths, rates, _over_strength(summary, methods, "harmful", percent)))]
    for key, measure in taken([summary["baseline"], *summary["methods"]]).items():
        series = _over_strength(summary, methods, key, measure.write)
        charts.append((key, Chart(strengths, _value_axis(measure, series), series)))
    return charts


def _value_axis(measure: Measure, series: tuple[Series, ...]) -> Axis:
    values = [end for one in series for point in one.points for end in (point.y, *(point.y_range or ()))]
    if len(set(values)) == 1:  # nothing moved: show it against 0, not as a line at the foot
        values.append(0.0)
    if measure.log:
        return plots.logarithmic(values, measure.title)
    kind = "fraction" if measure.write is percent else "linear"
    return plots.linear(values, measure.title + (" (%)" if kind == "fraction" else ""), kind=kind)


def _over_strength(summary: Comparison, methods: list[Method], key: str, write: Any) -> tuple[Series, ...]:
    """Return one line per method; points at one strength stand side by side, so that intervals show."""
    series = []
    for index, method in enumerate(methods):
        aside = SPREAD * (index - (len(methods) - 1) / 2)
        cells: list[tuple[float, Mapping[str, Any]]] = [(cell["strength"], cell) for cell in method.cells]
        if cells[0][0] > 0:
            cells.insert(0, (0.0, summary["baseline"]))
        points = [
            Point(
                strength + aside,
                found["value"],
                _say(method.name, strength, found, write),
                None,
                _range(found),
            )
            for strength, cell in cells
            if (found := measured(cell, key)) and found["value"] is not None
        ]
        series.append(Series(method.name, method.tone, tuple(points)))
    return tuple(series)


def _capability(summary: Comparison, methods: list[Method]) -> dict[str, Any] | None:
    """Return MMLU by method and strength, as the paper's table 3 has it; None where it was not asked."""
    baseline = measured(summary["baseline"], "mmlu")
    asked = [(method, [cell for cell in method.cells if measured(cell, "mmlu")]) for method in methods]
    strengths = sorted({cell["strength"] for _, cells in asked for cell in cells if cell["strength"]})
    if baseline is None or not strengths:
        return None
    rows: list[tuple[Method, list[Mapping[str, Any]]]] = [
        (method, [next((one for one in cells if one["strength"] == at), {}) for at in strengths])
        for method, cells in asked
        if cells
    ]
    return {"baseline": baseline, "strengths": strengths, "rows": rows}


def _say(name: str, strength: float, found: Measured, write: Any) -> str:
    return f"{name}, strength {plain(strength)}: {write(found['value'])} (n = {found['n']})"


def _matched(summary: Comparison, methods: list[Method]) -> dict[str, Any] | None:
    matched = summary.get("matched")
    if matched is None:
        return None
    tones = {method.name: method.tone for method in methods}
    measure = MEASURES[matched["by"]]
    rows = [
        (row, _dot(row["name"], tones[row["name"]], row["harmful"]))
        for row in matched["rows"]
        if row["harmful"]
    ]
    return {
        "measure": measure,
        "budget": measure.write(matched["budget"]),
        "rows": rows,
        "out": [row["name"] for row in matched["rows"] if not row["harmful"]],
    }


def _profile_tones(summary: Comparison, methods: list[Method]) -> list[str]:
    """Return the colours of the circuits: those of their methods, others for what is no method here."""
    tones = {method.name: method.tone for method in methods}
    free = [tone for tone in TONES if tone not in tones.values()] or list(TONES)
    names = [one["name"] for one in summary.get("layers", [])]
    others = [name for name in names if name not in tones]
    return [tones.get(name) or free[others.index(name) % len(free)] for name in names]


def profile_chart(profiles: Sequence[Layers], tones: Sequence[str] = TONES) -> Chart | None:
    """Return the share of each circuit in every layer, one line per circuit in the tones given."""
    if not profiles:
        return None
    series = []
    for index, profile in enumerate(profiles):
        counts, total = layers(profile), max(profile["neurons"], 1)
        points = [
            Point(layer, count / total, f"layer {layer}: {count}") for layer, count in sorted(counts.items())
        ]
        series.append(Series(profile["name"], tones[index % len(tones)], tuple(points)))
    last = max(point.x for one in series for point in one.points)
    highest = [point.y for one in series for point in one.points]
    share = plots.linear([0.0, *highest], "share of the circuit (%)", kind="fraction")
    ticks = plots.layer_ticks(round(last) + 1)
    return Chart(Axis(0.0, max(last, 1.0), "layer", values=ticks), share, tuple(series))


def _range(found: Measured) -> tuple[float, float] | None:
    low, high = found["low"], found["high"]
    return None if low is None or high is None else (low, high)


def _sorted(one: float, other: float) -> tuple[float, float]:
    return min(one, other), max(one, other)
