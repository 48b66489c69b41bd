"""Measurements and their intervals: published values, and properties that hold for any counts."""

import math

import numpy as np
import pytest

from neuroswitch.statistics import Interval, bootstrap, mean, proportion, wilson

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


def test_wilson_narrows_with_more_prompts() -> None:
    few, many = wilson(5, 10), wilson(50, 100)
    assert few is not None
    assert many is not None
    assert few.low < many.low


def test_a_rate_of_nothing_has_no_interval() -> None:
    assert wilson(0, 0) is None


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="k"):
        wilson(3, 2)


def test_bootstrap_covers_the_mean_about_as_often_as_it_says() -> None:
    # Skewed, with mean 1; the seeds are fixed, so this never flickers.
    samples = np.random.default_rng(7).exponential(size=(200, 30))
    found = [bootstrap(list(sample), seed=1, resamples=999) for sample in samples]
    covered = sum(one.low <= 1.0 <= one.high for one in found if one)
    assert 0.90 <= covered / len(samples) <= 0.98


def test_bootstrap_repeats_with_its_seed_and_moves_with_another() -> None:
    values = [0.0, 1.0, 4.0, 9.0, 16.0]
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3)
    assert bootstrap(values, seed=3) != bootstrap(values, seed=4)


def test_equal_values_leave_no_doubt_and_few_values_leave_no_interval() -> None:
    assert bootstrap([1.0, 1.0], seed=0) == Interval(1.0, 1.0)
    assert bootstrap([1.0], seed=0) is None
    assert bootstrap([], seed=0) is None


def test_values_that_differ_by_rounding_alone_are_equal() -> None:
    assert bootstrap([0.3 - 0.1, 0.2, 0.2], seed=0) == pytest.approx((0.2, 0.2))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_missing_value_is_never_averaged_away(bad: float) -> None:
    with pytest.raises(ValueError, match="missing"):
        mean("kl", [1.0, bad], unit="nats", how="")


def test_proportion_says_how_and_is_none_of_nothing() -> None:
    found = proportion("accuracy", 1, 4, how="by hand")
    assert (found.value, found.n) == (0.25, 4)
    assert found.low < 0.25 < found.high
    assert "by hand" in found.how and "Wilson" in found.how
    assert proportion("accuracy", 0, 0, how="by hand").value is None


def test_mean_has_an_interval_that_its_seed_repeats() -> None:
    values = [0.1, 0.4, 0.2, 0.9, 0.3]
    found = mean("kl", values, unit="nats per token", how="by hand", seed=3)
    assert found.value == pytest.approx(sum(values) / 5)
    assert found.low < found.value < found.high
    assert found == mean("kl", values, unit="nats per token", how="by hand", seed=3)
    assert "seed 3" in found.how


def test_mean_of_one_value_has_no_interval_and_of_none_no_value() -> None:
    assert mean("kl", [0.5], unit="nats", how="").low is None
    assert mean("kl", [], unit="nats", how="").value is None
