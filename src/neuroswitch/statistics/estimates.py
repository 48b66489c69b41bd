"""Counts and lists of numbers as measurements: each with the interval that suits it.

Knows no metric. Nothing to count gives None, never 0.
"""

from collections.abc import Sequence

from neuroswitch.statistics.intervals import bootstrap, wilson
from neuroswitch.statistics.types import Measurement


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
