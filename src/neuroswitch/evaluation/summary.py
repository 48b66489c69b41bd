"""From the verdicts on many answers to the numbers of a report: rates, means, their intervals.

Reads rows of `results.jsonl`, so every rate can be recomputed from the file. A row without a
verdict is left out of the rate and counted under `UNJUDGED`; a degenerate answer is no refusal,
stays in the denominator and is shown under its own label, so that destroyed text is seen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, TypedDict

from neuroswitch.evaluation.detectors import Detector
from neuroswitch.evaluation.intervals import bootstrap, wilson
from neuroswitch.evaluation.types import Measurement

UNJUDGED = "unjudged"


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


def rate(rows: Sequence[Mapping[str, Any]], detector: Detector) -> Rate:
    """Summarize the answers of one condition.

    Args:
        rows: Rows as `Detector.annotate` leaves them; `label` and `quality` are read.
        detector: The one that labelled them; it says which labels count.
    """
    verdicts = [detector.shown(row["label"]) for row in rows]
    judged = [verdict for verdict in verdicts if verdict is not None]
    measured = proportion("", sum(judged), len(judged), how="")
    return Rate(
        refusals=sum(judged),
        n=len(judged),
        rate=measured.value,
        low=measured.low,
        high=measured.high,
        quality=fmean(row["quality"] for row in rows) if rows else None,
        labels=dict(Counter(UNJUDGED if row["label"] is None else row["label"] for row in rows)),
    )


def proportion(name: str, k: int, n: int, *, how: str) -> Measurement:
    """Measure a fraction `k / n` with its 95 % Wilson interval; None of nothing.

    Args:
        name: What was counted.
        k: How many of them.
        n: Of how many.
        how: How they were told apart; the interval's name is added.
    """
    interval = wilson(k, n)
    if interval is None:
        return Measurement(name, None, 0, None, None, "fraction", f"{how}; nothing to count")
    return Measurement(name, k / n, n, interval.low, interval.high, "fraction", f"{how}; Wilson 95 %")


def mean(name: str, values: Sequence[float], *, unit: str, how: str, seed: int = 0) -> Measurement:
    """Measure a mean over items with its 95 % bootstrap interval; None of nothing.

    Args:
        name: What was measured.
        values: One finite number per item.
        unit: Their unit.
        how: How each came about; the interval's name is added.
        seed: Of the resampling.
    """
    estimate = bootstrap(values, seed=seed)
    if estimate is None:
        return Measurement(name, None, 0, None, None, unit, f"{how}; nothing to average")
    low, high = estimate.interval or (None, None)
    how = f"{how}; bootstrap 95 %, seed {seed}"
    return Measurement(name, estimate.value, estimate.n, low, high, unit, how)
