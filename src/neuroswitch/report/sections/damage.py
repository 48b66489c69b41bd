"""What each method costs: behaviour against damage, and a table of every measure of damage."""

from neuroswitch.report import plots
from neuroswitch.report.plots import Chart, Point, Series
from neuroswitch.report.summary import Cell
from neuroswitch.report.view import View, axis, interval, write
from neuroswitch.report.words import between, percent, plain


def section(view: View) -> dict[str, object] | None:
    """Return the table of damage; None where only the quality of answers was measured."""
    names = [name for name in view.damage if name != "quality"]
    if not names:
        return None
    role = view.roles[0]
    return {"measures": view.damage, "cells": view.strongest(role)}


def pareto(view: View) -> Chart | None:
    """Return behaviour against damage: one line per method, from weak to strong."""
    by = view.summary.match
    if by is None or not view.many:
        return None
    info, untouched = view.summary.measures[by], view.untouched(view.roles[0])
    series = []
    for method in view.methods:
        cells = [cell for cell in view.summary.changed() if cell.method == method]
        points = [point for cell in cells if (point := _point(view, cell, by))]
        series.append(Series(method, view.tone(method), tuple(points)))
    if not any(one.points for one in series):
        return None
    start = untouched.measures["behaviour"]
    if start.value is not None:
        point = Point(0.0, start.value, f"Untouched: {percent(start.value)}", None, interval(start))
        series.append(Series("Untouched", "baseline", (point,), joined=False))
    costs = [end for one in series for point in one.points for end in (point.x, *(point.x_range or ()))]
    title = f"{info.cost}, logarithmic" if info.log else info.cost
    x = axis(info, costs if info.log else [0.0, *costs], title)
    return Chart(x, plots.fractions(f"{view.rate_title} (%)"), tuple(series))


def _point(view: View, cell: Cell, by: str) -> Point | None:
    info, damage, rate = view.summary.measures[by], cell.measures.get(by), cell.measures["behaviour"]
    if damage is None or damage.value is None or rate.value is None:
        return None
    untouched = view.untouched(cell.model).measures.get(by)
    start = untouched.value if untouched and untouched.value is not None else 0.0
    ends = interval(damage)
    costs = sorted(info.cost_of(end, start) for end in ends) if ends else None
    return Point(
        info.cost_of(damage.value, start),
        rate.value,
        f"{cell.method}, strength {plain(cell.strength)}: {percent(rate.value)} "
        f"({between(rate.low, rate.high)}), {info.title} {write(info, damage.value)}",
        (costs[0], costs[1]) if costs else None,
        interval(rate),
    )
