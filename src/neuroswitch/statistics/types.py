"""How often a condition shows the behaviour, as summaries on disk hold it."""

from typing import TypedDict


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
