"""How often each state shows the behaviour, tested against the untouched model on the same prompts."""

from collections.abc import Iterator
from typing import NamedTuple

from neuroswitch.records import POSITIVE, RANDOM, TRANSFER
from neuroswitch.report.view import RATES, SIGNIFICANT, View, ends
from neuroswitch.report.words import p_equals, percent
from neuroswitch.summary import Cell


class Group(NamedTuple):
    """The states of one model on one pile of prompts, the untouched one first."""

    name: str
    measure: str
    cells: tuple[Cell, ...]


def rate_tables(view: View) -> dict[str, object]:
    """Return one table for each model and pile; of many methods each at its greatest strength."""
    groups = list(rate_groups(view))
    random = [inside(view, cell) for cell in view.summary.cells if cell.method == RANDOM]
    return {
        "title": "What each circuit does in either model" if view.two else "Rates",
        "groups": groups,
        "explained": list(_explained(view)) if view.two else [],
        "quality": not view.many and "quality" in view.summary.measures,
        "texts": any(cell.texts_changed is not None for group in groups for cell in group.cells),
        "inside": None if not random or view.many or view.two or None in random else all(random),
    }


def rate_groups(view: View) -> Iterator[Group]:
    """Yield the states on each pile; a pile on which the unchanged model alone was asked is left out."""
    for role in view.summary.models:
        for measure, pile in RATES.items():
            cells = [cell for cell in view.strongest(role) if measure in cell.measures]
            if len(cells) > 1 or measure == "behaviour":
                yield Group(view.pile_of(role, pile), measure, tuple(cells))


def own_cell(view: View, role: str | None = None) -> Cell | None:
    """Return the row of a model's own method: the first that is no control and no other model's circuit."""
    cells = view.summary.changed(role)
    return next((cell for cell in cells if cell.method not in (RANDOM, TRANSFER)), None)


def effect(view: View, cell: Cell, p: float | None, *, on: str = "") -> str:
    """Return how a row changes the rate, no stronger than its test: "lowers the refusal rate from 60 % to 5 %".

    Args:
        view: The page.
        cell: The row; it and the untouched model have a rate.
        p: Of its test against the untouched model; None where there is none.
        on: What to add after the two rates.
    """
    model = view.summary.models[cell.model]
    what = f"the {view.rate_name}" + (f" of {model.name}" if view.two else "")
    untouched = view.summary.untouched(cell.model)
    before, after = (one.measures["behaviour"].value for one in (untouched, cell))
    rates = f"from {percent(before)} to {percent(after)}{on}"
    if p is None:
        return f"takes {what} {rates}, which was not tested"
    if p >= SIGNIFICANT:
        return f"does not measurably change {what} ({rates}, {p_equals(p)})"
    return f"{'lowers' if (after or 0.0) < (before or 0.0) else 'raises'} {what} {rates} ({p_equals(p)})"


def inside(view: View, cell: Cell) -> bool | None:
    """Return whether a rate lies in the interval of the untouched model; None if either is missing."""
    value, before = cell.measures["behaviour"].value, view.summary.untouched(cell.model).measures["behaviour"]
    interval = ends(before)
    return None if value is None or interval is None else interval[0] <= value <= interval[1]


def _explained(view: View) -> Iterator[str]:
    """Yield what each circuit does in the other model, and how many texts change, one sentence each."""
    models = view.summary.models
    for role, model in models.items():
        other = next(one.name for name, one in models.items() if name != role)
        for cell in view.summary.changed(role):
            test = cell.tests.get("behaviour")
            if cell.method == TRANSFER:
                yield (
                    f"The neurons of {other}, {view.done(cell.strength)} in {model.name}: this "
                    f"{effect(view, cell, test.p_adjusted if test else None)}."
                )
    for role, model in models.items():
        texts = {cell.method: _texts(cell) for cell in view.summary.changed(role)}
        own = own_cell(view, role)
        if own is not None and (mine := texts[own.method]):
            random = f"; under random neurons {texts[RANDOM]}" if texts.get(RANDOM) else ""
            yield (
                f"Under its own circuit {mine} answers of {model.name} differ from the untouched model’s in "
                f"their text{random}."
            )


def _texts(cell: Cell) -> str:
    if cell.texts_changed is None:
        return ""
    return f"{cell.texts_changed} of {sum(cell.labels.get(POSITIVE, {}).values())}"
