"""Whether a text is no language at all: empty, looping or garbage.

Sees form, not sense: a grammatical text of random words passes.
"""

import re
import zlib

from neuroswitch.verdicts.repetition import quality

LOOPING_QUALITY = 0.4
"""A text of `LOOPING_WORDS` or more whose quality (share of new word 4-grams) is below this is a loop."""

LOOPING_WORDS = 16
LOOPING_SIZE = 0.45
"""Ordinary text does not compress to this share of its size; fewer than `SHORT` bytes do not tell."""

SHORT = 160
SAMPLE = 400
SHORTEST_NOISE = 24
LONGEST_WORD = 60
SYMBOLS = 0.5

_STUTTER = re.compile(r"(?P<unit>\S.{0,24}?)(?P=unit){9,}", re.DOTALL)
_WORDS = re.compile(r"\b([^\W\d_]{1,20})(?:\W+\1\b){6,}")
_RULE = re.compile(r"[-=_*~.#|+\s:]+")
_CONSONANTS = re.compile(r"\b[bcdfghjklmnpqrstvwxz]{5,}\b")
_SYMBOL = re.compile(r"[^\w\s]")
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SCRIPTS = tuple(
    re.compile(rf"[{letters}]")
    for letters in (
        "a-zà-ÿ",
        "\u0370-\u03ff",
        "\u0400-\u04ff",
        "\u0590-\u05ff",
        "\u0600-\u06ff",
        "\u0900-\u0dff",
        "\u0e00-\u0eff",
        "\u3040-\u9fff",
        "\uac00-\ud7af",
    )
)


def garbled(text: str) -> tuple[tuple[int, int] | None, str] | None:
    """Say what is wrong with the form of `text`.

    Args:
        text: Lower-case text without its thinking.

    Returns:
        The span that shows it, if one place does, and the reason in words; None for sound text.
    """
    said = text.strip()
    if not any(map(str.isalnum, said)):
        return None, "says nothing"
    words = said.split()
    if _may_loop(said):
        for pattern in (_STUTTER, _WORDS):
            for match in pattern.finditer(text):
                # A rule, a table border or a row of figures repeats itself and means it.
                if not _RULE.fullmatch(match.group()) and 3 * len(match.group()) > len(said):
                    return match.span(), "says the same again and again"
        if len(words) >= LOOPING_WORDS and quality(said) < LOOPING_QUALITY:
            return None, "goes round in a loop"
    return (None, "is no language") if _is_noise(said[:SAMPLE]) else None


def _may_loop(said: str) -> bool:
    """A quick look that spares ordinary text the search for loops."""
    data = said.encode()
    return len(data) < SHORT or len(zlib.compress(data, 1)) < LOOPING_SIZE * len(data)


def _is_noise(said: str) -> bool:
    if len(said) < SHORTEST_NOISE:
        return False
    words = said.split()
    if len(_SYMBOL.findall(said)) > SYMBOLS * len(said) or 10 * said.count("\ufffd") > len(said):
        return True
    if _SPACELESS.search(said) is None and len(said) > LONGEST_WORD * len(words):
        return True
    if said.isascii():
        return 3 * len(_CONSONANTS.findall(said)) > len(words)
    shares = [len(script.findall(said)) / len(said) for script in _SCRIPTS]
    return sum(share > 0.08 for share in shares) >= 3
