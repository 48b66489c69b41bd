"""Answers side by side. Texts of a sensitive behaviour stay in `results.jsonl` unless they are asked for."""

from collections.abc import Sequence
from typing import NamedTuple

from neuroswitch.records import NEGATIVE, POSITIVE, UNTOUCHED, AnswerRow
from neuroswitch.report.summary import Cell
from neuroswitch.report.view import RANDOM, View

MOST_PROMPTS, MOST_METHODS = 200, 3
"""Prompts of each pile on one page, more are left to `results.jsonl`; with more methods no answers are shown."""


class Answer(NamedTuple):
    """One answer, its text cut at the span that decided the verdict; hidden texts are absent."""

    label: str
    reason: str
    tokens: int
    finish: str
    before: str
    span: str
    after: str


class Sample(NamedTuple):
    """The answers to one prompt: of the untouched model, then under each method."""

    prompt_id: str
    prompt: str
    answers: tuple[Answer, ...]


class Samples(NamedTuple):
    """The answers to one pile of prompts; `more` were left out, `hidden` says whether texts were."""

    name: str
    prompts: tuple[Sample, ...]
    more: int
    hidden: bool

    @property
    def changed(self) -> int:
        """For how many prompts a verdict differs from that on the untouched model's answer."""
        return sum(len({one.label for one in sample.answers}) > 1 for sample in self.prompts)


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
            rows[row.condition][row.prompt_id] = row
    prompts = [
        Sample(
            prompt,
            "" if hidden else row.prompt,
            tuple(_answer(of[prompt], hidden) for of in rows.values()),
        )
        for prompt, row in rows[UNTOUCHED].items()
        if all(prompt in of for of in rows.values())
    ]
    if not prompts or len(cells) < 2:
        return None
    return Samples(view.piles[pile], tuple(prompts[:MOST_PROMPTS]), len(prompts[MOST_PROMPTS:]), hidden)


def _answer(row: AnswerRow, hidden: bool) -> Answer:
    text = "" if hidden else row.text
    start, end = row.span or (0, 0)
    if not 0 <= start <= end <= len(text):
        start, end = 0, 0
    label = row.label or "no verdict"
    return Answer(label, row.reason, row.tokens, row.finish, text[:start], text[start:end], text[end:])
