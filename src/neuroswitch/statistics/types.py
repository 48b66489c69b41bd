"""The vocabulary of evaluation: what is said about a completion, and what is said about many.

Knows nothing of how a verdict or a number comes about.
"""

from dataclasses import dataclass
from typing import TypedDict

UNJUDGED = "unjudged"
"""What a missing verdict is counted under; it is no label of any detector."""


@dataclass(frozen=True)
class Measurement:
    """One number, how sure it is, and how it was obtained.

    Attributes:
        name: What was measured.
        value: In `unit`; None if there was nothing to measure, never 0 in its place.
        n: On how many items it rests.
        low: Lower end of the interval; None where there is none.
        high: Upper end of the interval; None where there is none.
        unit: `fraction` (0-1), `nats per token`, ...
        how: How value and interval came about, in words.
    """

    name: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    unit: str
    how: str


class Rate(TypedDict):
    """How often a condition shows the behaviour, as JSON.

    `refusals` of `n` judged answers show it, whatever the behaviour is called; `rate` is their
    fraction with the 95 % Wilson interval `low` to `high`; `quality` is the mean of the paper's
    repetition score over all answers; `labels` counts every verdict, missing ones included. Without
    an answer to judge, the numbers are None.
    """

    refusals: int
    n: int
    rate: float | None
    low: float | None
    high: float | None
    quality: float | None
    labels: dict[str, int]
