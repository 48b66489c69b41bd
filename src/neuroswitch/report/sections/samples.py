"""Answers side by side. Texts of a sensitive behaviour stay in `results.jsonl` unless they are asked for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from neuroswitch.records import NEGATIVE, POSITIVE, RANDOM, UNTOUCHED, AnswerRow
from neuroswitch.report.view import View
from neuroswitch.summary import Cell

MOST_PROMPTS, MOST_METHODS = 200, 3
"""Prompts of each pile on one page, more are left to `results.jsonl`; with more methods no answers are shown."""


class Samples(NamedTuple):
    """The answers to one pile of prompts: for each, of the untouched model, then under each method.

    `more` prompts were left out; where texts are `hidden`, they are empty.
    """

    name: str
    prompts: tuple[tuple[AnswerRow, ...], ...]
    more: int
    hidden: bool

    @property
    def changed(self) -> int:
        """For how many prompts a verdict differs from that on the untouched model's answer."""
        return sum(len({row.label for row in rows}) > 1 for rows in self.prompts)


def answers_beside(view: View) -> dict[str, object] | None:
    """Return the answers of one model in the order of the prompts; None for two models or many methods."""
    role = next(iter(view.summary.models))
    cells = [cell for cell in view.strongest(role) if cell.method != RANDOM]
    if view.two or len(cells) > MOST_METHODS + 1:
        return None
    states = [
        ("Untouched" if cell.method == UNTOUCHED else view.label(cell), view.tone(cell.method))
        for cell in cells
    ]
    found = [one for pile in (POSITIVE, NEGATIVE) if (one := _pile(view, pile, cells)) is not None]
    return {"piles": found, "states": states}


def _pile(view: View, pile: str, cells: Sequence[Cell]) -> Samples | None:
    hidden = pile == POSITIVE and view.summary.sensitive and not view.show_completions
    rows: dict[str, dict[str, AnswerRow]] = {cell.members[0]: {} for cell in cells}
    for row in view.answers:
        if row.pile == pile and row.condition in rows:
            shown = replace(row, prompt="", text="", span=None) if hidden else row
            rows[row.condition][row.prompt_id] = shown
    prompts = [
        tuple(of[prompt] for of in rows.values())
        for prompt in rows[UNTOUCHED]
        if all(prompt in of for of in rows.values())
    ]
    if not prompts or len(cells) < 2:
        return None
    return Samples(view.piles[pile], tuple(prompts[:MOST_PROMPTS]), len(prompts[MOST_PROMPTS:]), hidden)
