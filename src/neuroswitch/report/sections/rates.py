"""How often each state shows the behaviour, tested against the untouched model, and what the answers were."""

from typing import NamedTuple

from neuroswitch.records import NEGATIVE, POSITIVE
from neuroswitch.report import plots
from neuroswitch.report.summary import Cell
from neuroswitch.report.view import View
from neuroswitch.report.words import percent

PILES = {"behaviour": POSITIVE, "benign": NEGATIVE}


class Group(NamedTuple):
    """The states of one model on one pile of prompts, the untouched one first."""

    name: str
    measure: str
    pile: str
    cells: tuple[Cell, ...]


def section(view: View) -> dict[str, object]:
    """Return the tables of rates; of many methods each at its greatest strength."""
    groups = list(_groups(view))
    random = [cell for cell in view.summary.cells if cell.method == "random"]
    return {
        "groups": groups,
        "positive": [group for group in groups if group.measure == "behaviour"],
        "ticks": plots.fractions("").ticks,
        "quality": "quality" in view.summary.measures,
        "random_inside": all(_inside(view, cell) for cell in random) if random else None,
        "draws": max((len(cell.members) for cell in random), default=0),
        "explained": list(_explained(view)) if view.two else [],
    }


def _groups(view: View) -> list[Group]:
    found = []
    for role in view.roles:
        for measure, pile in PILES.items():
            cells = [cell for cell in view.strongest(role) if measure in cell.measures]
            if len(cells) > 1 or measure == "behaviour":
                name = view.piles[pile]
                if view.two:
                    name = f"{view.summary.models[role].name}: {name[0].lower()}{name[1:]}"
                found.append(Group(name, measure, pile, tuple(cells)))
    return found


def _inside(view: View, cell: Cell) -> bool:
    """Say whether a rate lies in the interval of the untouched model; missing numbers do not."""
    value = cell.measures["behaviour"].value
    before = view.untouched(cell.model).measures["behaviour"]
    return (
        value is not None
        and before.low is not None
        and before.high is not None
        and before.low <= value <= before.high
    )


def _explained(view: View) -> list[str]:
    """Return how many answers change their text, beside how many change their verdict."""
    sentences = []
    for role in view.roles:
        for cell in view.summary.changed(role):
            if cell.texts_changed is not None:
                n = sum(cell.labels[POSITIVE].values())
                sentences.append(
                    f"{view.label(cell)} in {view.summary.models[role].name}: {cell.texts_changed} of {n} answers"
                    f" differ from the untouched model’s in their text; the {view.rate_name} is"
                    f" {percent(cell.measures['behaviour'].value)}."
                )
    return sentences
