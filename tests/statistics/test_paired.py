"""Paired numbers: items are what is counted, whatever the number of draws of each."""

import math
import random

import pytest

from neuroswitch.statistics import Measurement
from neuroswitch.statistics.intervals import mcnemar, wilson
from neuroswitch.statistics.paired import Values, exp_of, mean_of, paired_change, paired_test, rate_of


def drawn(seed: int, items: int = 20, draws: int = 1) -> Values:
    chance = random.Random(seed)
    return {f"p{item}": [float(chance.random() < 0.4) for _ in range(draws)] for item in range(items)}


def test_one_draw_of_each_item_has_a_wilson_interval() -> None:
    values = drawn(1)
    shown = round(sum(value for (value,) in values.values()))
    found = rate_of("rate", values, how="by hand")
    assert (found.value, found.n) == (shown / 20, 20)
    assert (found.low, found.high) == wilson(shown, 20)


@pytest.mark.parametrize("draws", [2, 5])
def test_copies_of_a_draw_do_not_make_a_number_surer(draws: int) -> None:
    once = drawn(2)
    copied = {item: values * draws for item, values in once.items()}
    one, many = (mean_of("mean", values, unit="fraction", how="by hand") for values in (once, copied))
    assert (many.value, many.low, many.high) == (one.value, one.low, one.high)
    assert many.n == draws * one.n
    assert f"{draws} draws of each item" in many.how


def test_a_change_is_that_of_the_items_that_both_have() -> None:
    before = {"a": [1.0], "b": [1.0], "c": [0.0]}
    after = {"b": [0.0], "c": [0.0], "d": [1.0]}
    found = paired_change("change", before, after, unit="fraction")
    assert (found.value, found.n) == (-0.5, 2)


@pytest.mark.parametrize("seed", range(5))
def test_a_change_mirrors_and_nothing_changes_from_itself(seed: int) -> None:
    before, after = drawn(seed), drawn(seed + 50)
    there = paired_change("change", before, after, unit="fraction")
    back = paired_change("change", after, before, unit="fraction")
    assert there.value == -back.value
    same = paired_change("change", before, before, unit="fraction")
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert paired_test(before, before) == (1.0, 0, 0)


def test_the_test_counts_items_not_draws() -> None:
    before = {f"p{item}": [1.0, 1.0, 1.0] for item in range(10)}
    after = {item: [0.0, 1.0, 0.0] for item in before}
    assert paired_test(before, after) == (mcnemar(10, 0), 10, 0)


def test_nothing_in_common_is_no_test() -> None:
    assert paired_test({"a": [1.0]}, {"b": [0.0]}) == (None, 0, 0)
    found = paired_change("change", {"a": [1.0]}, {"b": [0.0]}, unit="fraction")
    assert found.value is found.low is found.high is None


def test_a_perplexity_is_the_exponential_of_its_nats_interval_included() -> None:
    found = exp_of(Measurement("perplexity", 1.0, 3, 0.5, 2.0, "perplexity", "by hand"))
    assert (found.value, found.low, found.high) == pytest.approx((math.e, math.exp(0.5), math.exp(2)))
    assert exp_of(Measurement("perplexity", None, 0, None, None, "perplexity", "")).value is None
