"""Answers side by side. Texts of a sensitive behaviour stay in `results.jsonl` unless they are asked for."""

from typing import NamedTuple

from neuroswitch.records import NEGATIVE, POSITIVE, UNTOUCHED, AnswerRow
from neuroswitch.report.view import View

MOST_PAIRS = 200
"""Pairs of answers on one page; more are left to `results.jsonl`."""


class Answer(NamedTuple):
    """One completion, its text cut at the span that decided the verdict; hidden texts are absent."""

    label: str
    reason: str
    tokens: int
    finish: str
    before: str
    span: str
    after: str


class Sample(NamedTuple):
    """The answers to one prompt without and with the intervention."""

    prompt_id: str
    prompt: str
    untouched: Answer
    steered: Answer


class Samples(NamedTuple):
    """The pairs of one pile of prompts; `more` were left out, `hidden` says whether texts were."""

    name: str
    pairs: tuple[Sample, ...]
    more: int
    hidden: bool

    @property
    def changed(self) -> int:
        """How many verdicts differ between the two answers."""
        return sum(pair.untouched.label != pair.steered.label for pair in self.pairs)


def section(view: View) -> dict[str, object] | None:
    """Return the pairs of each pile in the order of the prompts; None where several methods are compared."""
    if view.two or view.many:
        return None
    changed = [cell for cell in view.summary.changed() if cell.method != "random"]
    found = [
        one for pile in (POSITIVE, NEGATIVE) if changed and (one := _pile(view, pile, changed[0].members[0]))
    ]
    return {"samples": found}


def _pile(view: View, pile: str, condition: str) -> Samples | None:
    hidden = pile == POSITIVE and view.summary.sensitive and not view.show_completions
    mine = [row for row in view.answers if row.pile == pile]
    steered = {row.prompt_id: row for row in mine if row.condition == condition}
    pairs = [
        Sample(
            row.prompt_id,
            "" if hidden else row.prompt,
            _answer(row, hidden),
            _answer(steered[row.prompt_id], hidden),
        )
        for row in mine
        if row.condition == UNTOUCHED and row.prompt_id in steered
    ]
    if not pairs:
        return None
    return Samples(view.piles[pile], tuple(pairs[:MOST_PAIRS]), max(0, len(pairs) - MOST_PAIRS), hidden)


def _answer(row: AnswerRow, hidden: bool) -> Answer:
    text = "" if hidden else row.text
    start, end = row.span or (0, 0)
    if not 0 <= start <= end <= len(text):
        start, end = 0, 0
    return Answer(
        row.label or "no verdict",
        row.reason,
        row.tokens,
        row.finish,
        text[:start],
        text[start:end],
        text[end:],
    )
