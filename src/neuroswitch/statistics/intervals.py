"""How sure a number is: intervals and tests for rates, paired differences and overlaps.

Knows counts and lists of numbers, not what they measure. scipy does the arithmetic wherever it
has the method. Nothing observed gives None, never 0: a rate of nothing is not a rate of zero.
Everything is deterministic; the one resampling method takes its seed.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

ROUNDING = 1e-12
"""Values closer than this, relative to their size, are equal: floats that differ by their last bits."""


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A mean over `n` items, in their unit; no interval for fewer than two."""

    value: float
    interval: Interval | None
    n: int


class Stratum(NamedTuple):
    """One layer of two circuits: how many neurons each takes there, and how many there are."""

    first: int
    second: int
    population: int


class Overlap(NamedTuple):
    """How many neurons two circuits share, and how many chance would give.

    Attributes:
        shared: Neurons in both.
        expected: Mean of `shared` if each circuit kept its size and drew its neurons at random.
        p: Probability of sharing at least as many by chance (one-sided).
    """

    shared: int
    expected: float
    p: float


def wilson(k: int, n: int, *, confidence: float = 0.95) -> Interval | None:
    """Return the Wilson score interval of the rate `k / n`, as fractions in [0, 1].

    Unlike the normal approximation it keeps its coverage near 0 and 1, where ablation puts rates.

    Returns:
        The interval, or None if nothing was observed (`n == 0`).

    Raises:
        ValueError: `k` is not between 0 and `n`.

    Source:
        Wilson (1927), J. Am. Stat. Assoc. 22, without continuity correction.

    Example:
        >>> [round(end, 3) for end in wilson(5, 10)]
        [0.237, 0.763]
    """
    if n == 0 and k == 0:
        return None
    found = stats.binomtest(k, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def mcnemar(b: int, c: int) -> float:
    """Return the two-sided p-value of McNemar's exact test for paired yes/no outcomes.

    Args:
        b: Pairs that were yes before and no after.
        c: Pairs that were no before and yes after.

    Returns:
        The p-value; 1.0 if no pair changed, since then nothing speaks for a change.

    Source:
        McNemar (1947); the exact form is the binomial test of `b` among `b + c` at one half.

    Example:
        >>> mcnemar(6, 0)
        0.03125
    """
    if b == 0 and c == 0:
        return 1.0
    return float(stats.binomtest(b, b + c, 0.5).pvalue)


def bootstrap(
    values: Sequence[float], *, seed: int, resamples: int = 9_999, confidence: float = 0.95
) -> Estimate | None:
    """Return the mean of `values` with a bootstrap interval, bias-corrected and accelerated (BCa).

    Where BCa is undefined, because all values are equal up to rounding, the interval is that one value.

    Args:
        values: One number per item; items are exchangeable.
        seed: Of the resampling; the same seed gives the same interval.
        resamples: How many times the items are drawn again.
        confidence: Coverage, in (0, 1).

    Returns:
        The estimate in the unit of the values, or None without any.

    Raises:
        ValueError: A value is not finite.

    Source:
        Efron (1987), Better bootstrap confidence intervals, J. Am. Stat. Assoc. 82.
    """
    data = np.asarray(values, dtype=np.float64)  # (n,)
    if not np.isfinite(data).all():
        raise ValueError("a missing or infinite value has no mean: leave the item out and say so")
    if data.size == 0:
        return None
    mean = float(data.mean())
    if data.size == 1:
        return Estimate(mean, None, 1)
    if np.ptp(data) <= ROUNDING * np.abs(data).max():
        return Estimate(mean, Interval(mean, mean), data.size)
    found = stats.bootstrap(
        (data,),
        np.mean,
        n_resamples=resamples,
        batch=1_000,
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(mean, Interval(float(found.low), float(found.high)), data.size)


def paired_bootstrap(
    a: Sequence[float],
    b: Sequence[float],
    *,
    seed: int,
    resamples: int = 9_999,
    confidence: float = 0.95,
) -> Estimate | None:
    """Return the mean of `a - b` over pairs, with an interval that resamples whole pairs.

    Args:
        a: One value per item.
        b: The values of the same items in the other condition, in the same order.
        seed: Of the resampling.
        resamples: How many times the pairs are drawn again.
        confidence: Coverage, in (0, 1).

    Returns:
        The mean difference, or None without pairs; see `bootstrap`.

    Raises:
        ValueError: The sequences differ in length, or hold values that are not finite.
    """
    changes = [one - other for one, other in zip(a, b, strict=True)]
    return bootstrap(changes, seed=seed, resamples=resamples, confidence=confidence)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p-values for the number of comparisons, in the order given.

    Controls the chance of even one false finding among all of them, whatever their dependence,
    and is never less powerful than Bonferroni's correction.

    Raises:
        ValueError: A value is not a probability.

    Source:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    if not all(0 <= p <= 1 for p in ps):
        raise ValueError(f"p-values lie between 0 and 1, found {list(ps)}")
    if not ps:
        return []
    from statsmodels.stats.multitest import multipletests  # slow to import

    return [float(p) for p in multipletests(list(ps), method="holm")[1]]


def expected_overlap(strata: Iterable[Stratum]) -> float:
    """Return how many neurons two random circuits with these sizes per stratum share on average."""
    return float(sum(one.first * one.second / one.population for one in strata if one.population))


def overlap(shared: int, strata: Sequence[Stratum]) -> Overlap:
    """Test whether two circuits share more neurons than chance would give.

    With one stratum, the whole model, this is the hypergeometric test. With one stratum per
    layer it is layer-matched: circuits that merely favour the same layers are not counted as
    sharing neurons, because chance then draws from each layer what each circuit took there.

    Args:
        shared: Neurons in both circuits.
        strata: Sizes of both circuits and of the population, in each stratum.

    Raises:
        ValueError: A circuit takes more neurons than a stratum has, or `shared` is impossible.
    """
    for one in strata:
        if not 0 <= max(one.first, one.second) <= one.population or min(one.first, one.second) < 0:
            raise ValueError(f"a circuit cannot take more neurons than there are: {one}")
    chance = _distribution(strata)
    if not 0 <= shared < len(chance):
        raise ValueError(f"{shared} shared neurons; these sizes allow 0 to {len(chance) - 1}")
    p = float(min(chance[shared:].sum(), 1.0))
    return Overlap(shared, expected_overlap(strata), p)


def _distribution(strata: Sequence[Stratum]) -> NDArray[np.float64]:
    """Return the probability of each number of shared neurons; strata are independent, so they convolve."""
    each = [
        stats.hypergeom.pmf(np.arange(min(one.first, one.second) + 1), one.population, one.first, one.second)
        for one in strata
        if one.population
    ]
    return reduce(np.convolve, each, np.ones(1))
