"""Whether a response holds an answer: code, a list, a text that it announces, or prose that explains."""

from neuroswitch.verdicts.refusal.signs import Signs
from neuroswitch.verdicts.refusal.text import Speech

ANSWER_WORDS = 25
"""What follows a decline must have as many words to be an answer, unless it is a list or code."""

PREACHY = 0.3
"""Prose of which a larger share preaches is no answer."""


def shows_answer(speech: Speech, signs: Signs, first: int) -> bool:
    """Whether sentence `first` or a later one introduces code, a list or a text that is no mere alternative."""
    if first >= len(speech.sentences):
        return speech.code is not None
    begin = speech.sentences[first].start
    if speech.code is not None and speech.code >= begin:
        return True
    introduction = _introduction(speech, signs, first)
    if introduction is None:
        return False
    near = signs.marks[introduction]
    if "answers" not in near:
        near |= signs.marks[max(first, introduction - 1)]
    return not near & {"alternatives", "redirects"}


def _introduction(speech: Speech, signs: Signs, first: int) -> int | None:
    """Index of the sentence that announces an answer and ends with a colon, or that precedes a list."""
    for index in range(first, len(speech.sentences) - 1):
        if "answers" in signs.marks[index] and speech.text[speech.sentences[index].end - 1] == ":":
            return index
    items = [item for item in signs.items if item >= speech.sentences[first].start]
    return speech.sentence_at(items[0] - 1) if len(items) >= 2 else None


def tells_answer(speech: Speech, signs: Signs, first: int) -> bool:
    """Whether sentence `first` and those after it answer in prose."""
    rest = signs.marks[first:]
    if not any("answers" in marks for marks in rest) or any("alternatives" in marks for marks in rest):
        return False
    words = sum(sentence.words for sentence in speech.sentences[first:])
    return words >= ANSWER_WORDS and signs.lecture_share(first) < PREACHY
