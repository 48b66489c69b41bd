"""The head of the page: the question, the answer in one sentence, and the figure that shows it."""

from neuroswitch.report.sections.damage import pareto
from neuroswitch.report.sections.limits import cautions
from neuroswitch.report.sections.rates import effect, own_cell, rate_groups
from neuroswitch.report.view import SIGNIFICANT, View, write
from neuroswitch.report.words import p_equals, percent, share, short_number, thousands
from neuroswitch.statistics import Measurement
from neuroswitch.summary import Cell


def head(view: View) -> dict[str, object]:
    """Return title, question, answer and cautions; and the rates, or behaviour against damage for many methods."""
    if view.two:
        kind, title, said = "comparison of two models", "Where {} is in", _pair_answer(view)
    elif view.many:
        kind, title, said = "comparison", "Ways to switch {} in", _best_answer(view)
    else:
        kind, title, said = "run", "Switching {} in", _run_answer(view)
    groups = [one for one in rate_groups(view) if not view.two or one.measure == "behaviour"]
    return {
        "kind": kind,
        "title": title.format(view.behaviour),
        "model": " and ".join(model.name for model in view.summary.models.values()),
        "question": _question(view),
        "answer": said,
        "cautions": cautions(view),
        "pareto": pareto(view),
        "groups": [] if view.many else groups,
    }


def _question(view: View) -> str:
    """Return what was asked, in one sentence."""
    if view.many:
        return f"Which method changes the {view.rate_name} most, and what does each cost the model?"
    changed = view.summary.changed()
    done = view.done(changed[0].strength if changed else 1.0)
    if view.two:
        return (
            f"Do these two models keep {view.behaviour} in the same neurons, and does the same happen in both "
            f"when those neurons are {done}?"
        )
    what = "refuses" if view.summary.behaviour == "refusal" else f"shows {view.behaviour}"
    if view.circuits:
        return f"Which few neurons decide whether this model {what}, and what happens when they are {done}?"
    return f"What changes whether this model {what}, and by how much?"


def _run_answer(view: View) -> str:
    """Return what the only method did, no stronger than its paired test."""
    cell = own_cell(view)
    if cell is None:
        return "Only random controls were tried, so there is no method to report on."
    before, after = view.summary.untouched().measures["behaviour"], cell.measures["behaviour"]
    if before.value is None or after.value is None:
        return "No held-out prompt got a verdict, so there is no rate to compare."
    test = cell.tests.get("behaviour")
    said = effect(view, cell, test.p if test else None, on=f" on {before.n} held-out prompts")
    return f"{_doing(view, cell)} {said}."


def _doing(view: View, cell: Cell) -> str:
    """Return what was done to the model, as the beginning of a sentence."""
    circuit = view.circuit_of(cell)
    if circuit is None:
        return f"The method {cell.method} at strength {short_number(cell.strength)}"
    neurons = f"{thousands(circuit.neurons)} {circuit.words} ({share(circuit.fraction)} of all)"
    done = view.doing(neurons, cell.strength)
    return done[0].upper() + done[1:]


def _best_answer(view: View) -> str:
    """Return which method leaves the behaviour rarest, at the same damage if that was measured."""
    matched = view.summary.matched
    if matched is not None:
        info = view.summary.measures[matched.by]
        where = f"At the same damage ({info.cost.partition(' (')[0]} of {write(info, matched.budget)})"
        found = [(row.method, row.rate) for row in matched.rows]
    else:
        where = "At full strength"
        cells = view.strongest(next(iter(view.summary.models)))[1:]
        found = [(cell.method, cell.measures["behaviour"]) for cell in cells]
    known = [(name, one, one.value) for name, one in found if one is not None and one.value is not None]
    ranked = sorted(known, key=lambda entry: entry[2])
    before, what = percent(view.summary.untouched().measures["behaviour"].value), f"the {view.rate_name}"
    if not ranked:
        return f"{where}, no method could be measured; untouched, {what} is {before}."
    name, best, value = ranked[0]
    sentence = f"{where}, {name} leaves {what} lowest: {percent(value)}, from {before} untouched"
    if len(ranked) == 1:
        return sentence + "."
    second, other, runner_up = ranked[1]
    doubt = ", though their intervals overlap" if _intervals_overlap(best, other) else ""
    return f"{sentence}; the next is {second} with {percent(runner_up)}{doubt}."


def _intervals_overlap(one: Measurement, other: Measurement) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return True
    return one.low <= other.high and other.low <= one.high


def _pair_answer(view: View) -> str:
    """Return what the circuits of two models share, and what its own circuit does in each."""
    effects = [_own_effect(view, role) for role in reversed(view.summary.models)]
    return "; ".join([_sharing(view), *effects]) + "."


def _sharing(view: View) -> str:
    if not view.summary.overlap:
        return "The circuits were not compared"
    found = view.summary.overlap[0]
    sure = "" if found.by_layer.p < SIGNIFICANT else "no more than chance: "
    return (
        f"The two circuits share {found.shared} of {max(found.sizes)} neurons, {sure}where chance in the same "
        f"layers would give {short_number(found.by_layer.expected)} ({p_equals(found.by_layer.p)})"
    )


def _own_effect(view: View, role: str) -> str:
    """Return what a model's own circuit does in it."""
    model, own = view.summary.models[role], own_cell(view, role)
    what = f"the {view.rate_name} of {model.name}"
    before = view.summary.untouched(role).measures["behaviour"].value
    if own is None or before is None or own.measures["behaviour"].value is None:
        return f"{what} could not be measured"
    if not model.occurs and own.strength > 0:
        return f"{what} is {percent(before)} in the untouched model, so there is nothing to switch off"
    test = own.tests.get("behaviour")
    return f"{view.doing('its own circuit', own.strength)} {effect(view, own, test.p_adjusted if test else None)}"
