"""Which verdicts a page has, in which order and colour."""

from collections.abc import Iterable, Mapping, Sequence

from neuroswitch.statistics import UNJUDGED

USUAL = ("refusal", "partial", "compliance", "degenerate", UNJUDGED)
"""Verdicts with a colour of their own; `style.css` names them."""


def tones(counts: Iterable[Mapping[str, int]], shows: Sequence[str] = ()) -> dict[str, str]:
    """Return verdict -> colour for every verdict that occurs, those that count as the behaviour first."""
    seen = {label for labels in counts for label, count in labels.items() if count}
    ordered = [label for label in (*shows, *USUAL, *sorted(seen)) if label in seen]
    others = [label for label in dict.fromkeys(ordered) if label not in USUAL]
    return {label: label if label in USUAL else f"other-{others.index(label) % 4}" for label in ordered}
