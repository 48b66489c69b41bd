"""Tests: did a change happen by chance, do circuits overlap by chance, were too many tests made?

Counts in, p-values out.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from scipy import stats


class Stratum(NamedTuple):
    """One layer of two circuits: how many of its neurons each circuit holds, and how many it has."""

    first: int
    second: int
    population: int


class Overlap(NamedTuple):
    """How many neurons two circuits share, and how many they would share by chance.

    Attributes:
        shared: Neurons in both.
        expected: Mean of `shared` if each circuit kept its size and drew its neurons at random.
        p: Probability of sharing at least as many by chance (one-sided).
    """

    shared: int
    expected: float
    p: float


def mcnemar(b: int, c: int) -> float:
    """Return the two-sided p-value of McNemar's exact test for paired yes/no outcomes; 1.0 without changes.

    Args:
        b: Pairs that were yes before and no after.
        c: Pairs that were no before and yes after.

    Source:
        McNemar (1947); the exact form is the binomial test of `b` among `b + c` at one half.

    Examples:
        >>> mcnemar(6, 0)
        0.03125
    """
    return float(stats.binomtest(b, b + c, 0.5).pvalue) if b or c else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p-values for the number of tests, in the order given.

    Controls the probability of even one false finding, whatever the dependence between the tests.

    Raises:
        ValueError: A value is not a probability.

    Source:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6.

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests  # here, because importing it takes seconds

    if not all(0 <= p <= 1 for p in ps):
        raise ValueError(f"p-values lie between 0 and 1, found {list(ps)}")
    return [float(p) for p in multipletests(ps, method="holm")[1]] if ps else []


def expected_overlap(strata: Iterable[Stratum]) -> float:
    """Return how many neurons two random circuits with these sizes per stratum share on average."""
    return float(sum(one.first * one.second / one.population for one in strata if one.population))


def overlap(shared: int, strata: Sequence[Stratum]) -> Overlap:
    """Test whether two circuits share more neurons than by chance: the hypergeometric test.

    One stratum, the whole model, gives the plain test. One stratum per layer matches layers: chance then
    draws from each layer as many neurons as each circuit has there, so that circuits which only prefer
    the same layers do not count as sharing neurons.

    Args:
        shared: Neurons in both circuits.
        strata: Sizes of both circuits and of the population, in each stratum.

    Raises:
        ValueError: A circuit has more neurons than a stratum, or `shared` is impossible.
    """
    for one in strata:
        if not 0 <= max(one.first, one.second) <= one.population or min(one.first, one.second) < 0:
            raise ValueError(f"a circuit cannot hold more neurons than there are: {one}")
    each = [
        stats.hypergeom.pmf(np.arange(min(one.first, one.second) + 1), one.population, one.first, one.second)
        for one in strata
        if one.population
    ]
    chance = reduce(np.convolve, each, np.ones(1))  # (shared + 1,): strata are independent
    if not 0 <= shared < len(chance):
        raise ValueError(f"{shared} shared neurons; these sizes allow 0 to {len(chance) - 1}")
    return Overlap(shared, expected_overlap(strata), float(min(chance[shared:].sum(), 1.0)))
