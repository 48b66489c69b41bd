"""A number with its uncertainty: counts and lists of numbers -> measurements with 95 % intervals.

Does not know what the numbers mean. Without observations a value is None, never 0. The bootstrap takes a
seed and gives the same interval for the same seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy import stats

ROUNDING = 1e-12
"""Values closer than this, relative to their size, count as equal: they differ by rounding only."""


@dataclass(frozen=True)
class Measurement:
    """One number, its 95 % interval, and how both were computed.

    Attributes:
        name: What was measured.
        value: In `unit`; None if there was nothing to measure.
        n: Number of observations.
        low: Lower end of the interval; None without an interval.
        high: Upper end of the interval; None without an interval.
        unit: `fraction` (0-1), `nats per token`, ...
        how: How value and interval were computed, in words.
    """

    name: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    unit: str
    how: str


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


def proportion(name: str, k: int, n: int, *, how: str) -> Measurement:
    """Return the fraction `k / n` with its 95 % Wilson interval; the value is None if `n` is 0.

    Args:
        name: What was counted.
        k: Number of observations that count.
        n: Number of observations.
        how: How observations were classified; the name of the interval is appended.
    """
    interval = wilson(k, n)
    if interval is None:
        return Measurement(name, None, 0, None, None, "fraction", f"{how}; nothing to count")
    return Measurement(name, k / n, n, interval.low, interval.high, "fraction", f"{how}; Wilson 95 %")


def mean(name: str, values: Sequence[float], *, unit: str, how: str, seed: int = 0) -> Measurement:
    """Return the mean of `values` with its 95 % bootstrap interval; the value is None without values.

    Args:
        name: What was measured.
        values: One finite number per item.
        unit: Their unit.
        how: How each number was computed; the name of the interval is appended.
        seed: Of the resampling.
    """
    interval = bootstrap(values, seed=seed)
    if not len(values):
        return Measurement(name, None, 0, None, None, unit, f"{how}; nothing to average")
    low, high = interval or (None, None)
    value = float(np.mean(np.asarray(values, dtype=np.float64)))
    return Measurement(name, value, len(values), low, high, unit, f"{how}; bootstrap 95 %, seed {seed}")


def wilson(k: float, n: float) -> Interval | None:
    """Return the 95 % Wilson score interval of the rate `k / n`, as fractions; None if `n` is 0.

    Unlike the normal approximation it keeps its coverage near 0 and 1. Both need not be whole numbers: `n` may be
    an effective number of observations.

    Raises:
        ValueError: `k` is not between 0 and `n`.

    Source:
        Wilson (1927), J. Am. Stat. Assoc. 22, without continuity correction.

    Examples:
        >>> [round(end, 3) for end in wilson(5, 10)]
        [0.237, 0.763]
    """
    if n == 0 and k == 0:
        return None
    if not 0 <= k <= n * (1 + ROUNDING):
        raise ValueError(f"k = {k} of n = {n} is no rate: k lies between 0 and n")
    rate, z2 = min(k / n, 1.0), float(stats.norm.ppf(0.975)) ** 2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Interval(0.0 if rate == 0 else centre - half, 1.0 if rate == 1 else centre + half)


def bootstrap(values: Sequence[float], *, seed: int, resamples: int = 9_999) -> Interval | None:
    """Return the 95 % bootstrap interval of the mean, bias-corrected and accelerated (BCa).

    If all values are equal up to rounding, BCa is undefined and both ends are the mean.

    Args:
        values: One number per item; items are exchangeable.
        seed: Of the resampling.
        resamples: How many times the items are drawn again.

    Returns:
        The interval in the unit of the values, or None for fewer than two values.

    Raises:
        ValueError: A value is not finite.

    Source:
        Efron (1987), Better bootstrap confidence intervals, J. Am. Stat. Assoc. 82.
    """
    data = np.asarray(values, dtype=np.float64)  # (n,)
    if not np.isfinite(data).all():
        raise ValueError("a missing or infinite value has no mean: leave the item out")
    if data.size < 2:
        return None
    if np.ptp(data) <= ROUNDING * np.abs(data).max():
        return Interval(float(data.mean()), float(data.mean()))
    rng = np.random.default_rng(seed)
    found = stats.bootstrap((data,), np.mean, n_resamples=resamples, batch=1_000, method="BCa", rng=rng)
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))
