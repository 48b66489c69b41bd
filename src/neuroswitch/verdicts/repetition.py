"""The paper's quality score: how little an answer repeats itself.

Sees words, not meaning: nonsense without repetition scores 1, and a script that puts no spaces
between words counts as one long word. It is kept because published results are stated in it;
perplexity and divergence say more about damage.

Source: Herring, Naviasky, Malhotra (2026), arXiv:2605.12290; n = 4 as in the authors' code.
"""

N_GRAM = 4


def quality(text: str) -> float:
    """Return 1 minus the share of word 4-grams that repeat an earlier one, in [0, 1].

    Words are what whitespace separates, case and punctuation included. A text of fewer than four
    words, the empty one too, has no 4-gram and scores 1.0, as in the published code.

    Example:
        >>> quality("one two three four five six")
        1.0
        >>> quality("no " * 11)
        0.125
    """
    words = text.split()
    grams = [tuple(words[start : start + N_GRAM]) for start in range(len(words) - N_GRAM + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
