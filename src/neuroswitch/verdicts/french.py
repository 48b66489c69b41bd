"""Is an answer in French? Decided by counting function words of French and of its neighbours.

Function words make up a third of running French. Those of the neighbours are counted as well, so that
Italian or Catalan is not taken for poor French. Whether the French is good is not judged.
"""

import re

from neuroswitch.verdicts.degenerate import degenerate
from neuroswitch.verdicts.languages import FUNCTION_WORDS, LEAST_SHARE, hits, words_of
from neuroswitch.verdicts.speech import extract_speech
from neuroswitch.verdicts.verdict import Verdict

LEAST_WORDS = 3
"""The language of an answer with fewer words, such as a name or a number, is unknown."""

_FRENCH = "French"
_LATIN = re.compile(r"[a-zà-öø-ÿœā-ſ]+")


def classify_french(response: str, prompt: str | None = None) -> Verdict | None:
    """Decide whether an answer is in French.

    Args:
        response: The answer; thinking and code in it are ignored.
        prompt: The request; its repetition at the beginning of the answer is ignored.

    Returns:
        A verdict with the label `french`, `other` or `degenerate`; None if the answer is too short.

    Examples:
        >>> classify_french("Les feuilles tombent parce que les jours sont plus courts.").label
        'french'
    """
    speech = extract_speech(response, prompt)
    if verdict := degenerate(speech):
        return verdict
    words = words_of(speech.visible)
    if 2 * sum(_LATIN.match(word.group()) is not None for word in words) < len(words):
        return Verdict("other", None, "another script")
    if len(words) < LEAST_WORDS:
        return None
    counts = hits([word.group() for word in words])
    best = max(counts, key=lambda language: counts[language])
    reason = (
        f"{counts[best]} of {len(words)} words are function words of {best}, {counts[_FRENCH]} of {_FRENCH}"
    )
    if counts[best] < LEAST_SHARE * len(words):
        return Verdict("other", None, f"no language known here: {reason}")
    if best != _FRENCH:
        return Verdict("other", None, reason)
    places = [word.span() for word in words if word.group() in FUNCTION_WORDS[_FRENCH]]
    return Verdict("french", (places[0][0], places[-1][1]), reason)
