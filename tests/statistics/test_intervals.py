"""Intervals and tests: published values, and properties that hold for any counts."""

import math
from itertools import product

import numpy as np
import pytest

from neuroswitch.statistics.intervals import (
    Interval,
    Stratum,
    bootstrap,
    expected_overlap,
    holm,
    mcnemar,
    overlap,
    paired_bootstrap,
    wilson,
)

COUNTS = [(k, n) for n in (1, 2, 7, 100) for k in {0, 1, n // 2, n}]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("k", "n"), COUNTS)
def test_wilson_holds_the_rate_and_stays_within_zero_and_one(k: int, n: int) -> None:
    interval = wilson(k, n)
    assert interval is not None
    assert 0 <= interval.low <= k / n <= interval.high <= 1
    assert interval.low < interval.high


@pytest.mark.parametrize(("k", "n"), COUNTS)
def test_wilson_mirrors_when_successes_and_failures_are_swapped(k: int, n: int) -> None:
    yes, no = wilson(k, n), wilson(n - k, n)
    assert yes is not None
    assert no is not None
    assert yes == pytest.approx((1 - no.high, 1 - no.low))


def test_wilson_narrows_with_more_prompts_and_widens_with_more_confidence() -> None:
    few, many, surer = wilson(5, 10), wilson(50, 100), wilson(5, 10, confidence=0.99)
    assert few is not None
    assert many is not None
    assert surer is not None
    assert surer.low < few.low < many.low


def test_a_rate_of_nothing_has_no_interval() -> None:
    assert wilson(0, 0) is None


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="k"):
        wilson(3, 2)


def test_mcnemar_is_the_sign_test_of_the_pairs_that_changed() -> None:
    for b, c in product(range(8), repeat=2):
        n, least = b + c, min(b, c)
        by_hand = 2 * sum(math.comb(n, i) for i in range(least + 1)) / 2**n
        assert mcnemar(b, c) == pytest.approx(min(by_hand, 1.0))


def test_mcnemar_without_a_changed_pair_finds_nothing() -> None:
    assert mcnemar(0, 0) == 1.0


def test_bootstrap_covers_the_mean_about_as_often_as_it_says() -> None:
    # Skewed, with mean 1; the seeds are fixed, so this never flickers.
    samples = np.random.default_rng(7).exponential(size=(200, 30))
    found = [bootstrap(list(sample), seed=1, resamples=999) for sample in samples]
    covered = sum(one.interval.low <= 1.0 <= one.interval.high for one in found if one and one.interval)
    assert 0.90 <= covered / len(samples) <= 0.98


def test_bootstrap_repeats_with_its_seed_and_moves_with_another() -> None:
    values = [0.0, 1.0, 4.0, 9.0, 16.0]
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3)
    assert bootstrap(values, seed=3) != bootstrap(values, seed=4)


def test_a_paired_difference_is_sharper_than_its_spread_between_items() -> None:
    base = [float(10 * item) for item in range(20)]
    better = [value + 1.0 + 0.01 * (item % 3) for item, value in enumerate(base)]
    found = paired_bootstrap(better, base, seed=0)
    assert found is not None
    assert found.interval is not None
    assert found.value == pytest.approx(1.01, abs=0.01)
    assert found.interval.high - found.interval.low < 0.02
    mirrored = paired_bootstrap(base, better, seed=0)
    assert mirrored is not None
    assert mirrored.value == pytest.approx(-found.value)


def test_equal_differences_leave_no_doubt_and_few_pairs_leave_no_interval() -> None:
    same = paired_bootstrap([2.0, 3.0], [1.0, 2.0], seed=0)
    assert same is not None
    assert same.interval == Interval(1.0, 1.0)
    one = paired_bootstrap([2.0], [1.0], seed=0)
    assert one is not None
    assert (one.value, one.interval, one.n) == (1.0, None, 1)
    assert paired_bootstrap([], [], seed=0) is None


def test_values_that_differ_by_rounding_alone_are_equal() -> None:
    found = bootstrap([0.3 - 0.1, 0.2, 0.2], seed=0)
    assert found is not None
    assert found.interval == pytest.approx((0.2, 0.2))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_missing_value_is_never_averaged_away(bad: float) -> None:
    with pytest.raises(ValueError, match="missing"):
        paired_bootstrap([1.0, bad], [0.0, 0.0], seed=0)


def test_unpaired_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_bootstrap([1.0, 2.0], [1.0], seed=0)


def test_holm_gives_the_textbook_values() -> None:
    # statsmodels.stats.multitest.multipletests(ps, method="holm"), version 0.14.
    ps = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert holm(ps) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


def test_holm_keeps_the_order_of_strength_and_lies_between_raw_and_bonferroni() -> None:
    ps = [0.2, 0.001, 0.04, 0.04, 0.9, 0.0]
    adjusted = holm(ps)
    ranked = sorted(zip(ps, adjusted, strict=True))
    assert [after for _, after in ranked] == sorted(adjusted)
    for raw, after in zip(ps, adjusted, strict=True):
        assert raw <= after <= min(1.0, raw * len(ps))


def test_holm_leaves_a_single_comparison_alone_and_none_empty() -> None:
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_probability(bad: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, bad])


def test_overlap_of_a_whole_model_is_the_hypergeometric_test() -> None:
    found = overlap(2, [Stratum(3, 4, 10)])
    by_hand = sum(math.comb(4, i) * math.comb(6, 3 - i) for i in (2, 3)) / math.comb(10, 3)
    assert found.p == pytest.approx(by_hand)
    assert found.expected == pytest.approx(1.2)


def test_matching_by_layer_explains_an_overlap_that_only_shares_its_layers() -> None:
    # Both circuits live in one layer of ten; sharing half is what chance gives there.
    by_layer = [Stratum(50, 50, 100), *[Stratum(0, 0, 100)] * 9]
    assert overlap(25, [Stratum(50, 50, 1000)]).p < 1e-12
    assert overlap(25, by_layer).p > 0.5
    assert expected_overlap(by_layer) == pytest.approx(25)


def test_overlap_probabilities_add_up_over_layers() -> None:
    strata = [Stratum(2, 3, 6), Stratum(1, 2, 5), Stratum(0, 4, 4), Stratum(0, 0, 0)]
    tails = [overlap(shared, strata).p for shared in range(4)]
    assert tails[0] == pytest.approx(1.0)
    assert sum(tails[1:]) == pytest.approx(expected_overlap(strata))  # mean = sum of the tails
    assert tails == sorted(tails, reverse=True)


def test_impossible_overlaps_are_refused() -> None:
    with pytest.raises(ValueError, match="allow 0 to 2"):
        overlap(3, [Stratum(2, 5, 10)])
    with pytest.raises(ValueError, match="more neurons than there are"):
        overlap(0, [Stratum(11, 5, 10)])
