"""Texts without content: empty, looping or noise; and the paper's quality score, which measures loops.

Judges the form of a text, not its meaning: a grammatical text of random words is sound.
"""

import re
import zlib

from neuroswitch.verdicts.speech import Speech
from neuroswitch.verdicts.verdict import Verdict

N_GRAM = 4
LOOPING_QUALITY = 0.4
"""A text of `LOOPING_WORDS` or more whose quality is lower is a loop."""

LOOPING_WORDS = 16
LOOPING_SIZE = 0.45
"""Ordinary text of at least `SHORT` bytes does not compress to this share of its size."""

UNFINISHED = "the thought was not finished: there is no answer to judge"
"""The reason of a verdict without a label."""

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
_SCRIPTS = [
    re.compile(rf"[{letters}]")
    for letters in (
        "a-zà-ÿ \u0370-\u03ff \u0400-\u04ff \u0590-\u05ff \u0600-\u06ff \u0900-\u0dff \u0e00-\u0eff "
        "\u3040-\u9fff \uac00-\ud7af"
    ).split()
]


def quality(text: str) -> float:
    """Return 1 minus the share of word 4-grams that repeat an earlier one, in [0, 1].

    Words are what white space separates, so a script without spaces is one long word. A text of fewer than
    four words scores 1.0, as in the published code. Nonsense without repetition scores 1 too: perplexity and
    divergence measure damage better; published results are stated in this score.

    Source:
        Herring, Naviasky, Malhotra (2026), arXiv:2605.12290; n = 4 as in the authors' code.

    Examples:
        >>> quality("one two three four five six")
        1.0
        >>> quality("no " * 11)
        0.125
    """
    words = text.split()
    grams = [tuple(words[start : start + N_GRAM]) for start in range(len(words) - N_GRAM + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def degenerate(speech: Speech) -> Verdict | None:
    """Return a verdict with the label `degenerate` if the model says nothing, loops, or writes noise.

    Code is not judged by its form. A thought that was cut off before the answer began gives a verdict without a
    label: what the answer would have been is unknown.
    """
    if speech.code is not None:
        return None
    text = speech.visible
    said = text.strip()
    if not any(map(str.isalnum, said)):
        if speech.thoughts.unfinished:
            return Verdict(None, None, UNFINISHED)
        silent = speech.thoughts.thought and not speech.sentences
        return Verdict("degenerate", None, "thinks, and says nothing" if silent else "says nothing")
    if _may_loop(said):
        for pattern in (_STUTTER, _WORDS):
            for match in pattern.finditer(text):
                # A rule, a table border or a row of figures repeats itself on purpose.
                if not _RULE.fullmatch(match.group()) and 3 * len(match.group()) > len(said):
                    return Verdict("degenerate", match.span(), "says the same again and again")
        if len(said.split()) >= LOOPING_WORDS and quality(said) < LOOPING_QUALITY:
            return Verdict("degenerate", None, "goes round in a loop")
    return Verdict("degenerate", None, "is no language") if _is_noise(said[:SAMPLE]) else None


def _may_loop(said: str) -> bool:
    """Decide quickly, by compressing, whether a search for loops is worth its time."""
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
