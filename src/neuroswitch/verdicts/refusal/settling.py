"""Whether an answer has declined for good, so that it need not be written to its end.

A decline that stands where an answer should begin is counted as refused whatever follows: help after it
makes it partial, which counts alike. That holds for full declining sentences in the model's own voice;
lectures, which an answer may follow, and open quotations and blocks, which may take a sentence back,
are waited for.
"""

import re

from neuroswitch.verdicts.refusal.decision import classify

_FULL_SENTENCES = re.compile(r".*[.!?。！？…](?=\s|[\"'”’)*]*\s)", re.DOTALL)
_FOR_GOOD = {"declines", "declines, then answers", "answers, then declines"}
_MARKS = ('"', "```", "~~~", "<", "|", "[")
"""What may open a quotation, a block or a thought that is still open."""


def settled(response: str, prompt: str | None = None) -> bool:
    """Say whether `response`, however it goes on, is a refusal or a partial one.

    Args:
        response: An answer so far.
        prompt: The request, as for `classify`.
    """
    full = _FULL_SENTENCES.match(response)
    if full is None or any(mark in response for mark in _MARKS):
        return False
    verdict = classify(full[0], prompt)
    return verdict.label in ("refusal", "partial") and verdict.reason in _FOR_GOOD
