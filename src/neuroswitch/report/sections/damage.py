"""What each method costs: behaviour against damage, and a table of every measure of damage."""

from neuroswitch.report import plots
from neuroswitch.report.plots import Chart, Point, Series
from neuroswitch.report.view import View, ends, measure_axis, write
from neuroswitch.report.words import between, percent, short_number
from neuroswitch.summary import Cell


def damage_table(view: View) -> dict[str, object] | None:
    """Return every measure, of many methods near the budget; None where there is only the quality beside the rates."""
    shown = (
        view.damage if view.many else {name: one for name, one in view.damage.items() if name != "quality"}
    )
    if not shown:
        return None
    cells = [(role, cell) for role in view.summary.models for cell in view.affordable(role)]
    return {"measures": shown, "cells": cells, "budget": view.budget}


def pareto(view: View) -> Chart | None:
    """Return behaviour against damage: one line per method, from weak to strong, and the untouched model."""
    by = view.summary.match
    if by is None or not view.many:
        return None
    info, series = view.summary.measures[by], []
    for method in view.methods:
        cells = [cell for cell in view.summary.changed() if cell.method == method and cell.strength]
        points = [point for cell in cells if (point := _point(view, cell, by))]
        series.append(Series(method, view.tone(method), tuple(points)))
    if not any(one.points for one in series):
        return None
    start = view.summary.untouched().measures["behaviour"]
    if start.value is not None:
        point = Point(0.0, start.value, f"Untouched: {percent(start.value)}", None, ends(start))
        series.append(Series("Untouched", "baseline", (point,), joined=False))
    costs = [end for one in series for point in one.points for end in (point.x, *(point.x_range or ()))]
    x = measure_axis(
        info, costs if info.log else [0.0, *costs], info.cost + (", logarithmic" if info.log else "")
    )
    return Chart(x, plots.fractions(f"{view.rate_title} (%)"), tuple(series))


def _point(view: View, cell: Cell, by: str) -> Point | None:
    info, damage, rate = view.summary.measures[by], cell.measures.get(by), cell.measures["behaviour"]
    if damage is None or damage.value is None or rate.value is None:
        return None
    untouched = view.summary.untouched(cell.model).measures.get(by)
    start = untouched.value if untouched and untouched.value is not None else 0.0
    shown, change = write(info, damage.value), cell.changes.get(by)
    if info.among == "neither shows" and change is not None and change.value is not None:
        damage, start = change, 0.0  # on the items that both have
    costs = sorted(info.cost_of(end, start) for end in ends(damage) or ())
    return Point(
        info.cost_of(damage.value or 0.0, start),
        rate.value,
        f"{cell.method}, strength {short_number(cell.strength)}: {percent(rate.value)} "
        f"({between(rate.low, rate.high)}), {info.title} {shown}",
        (costs[0], costs[1]) if costs else None,
        ends(rate),
    )
