"""Items with several draws: draws are never counted as independent, and one draw is the ordinary case."""

import math

import pytest

from neuroswitch.statistics import (
    exp_of,
    mcnemar,
    mean,
    mean_of,
    paired_change,
    paired_test,
    proportion,
    rate_of,
)

ANSWERS = [1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0]


def items(values: list[float], draws: int = 1) -> dict[str, list[float]]:
    return {f"item {number}": [float(value)] * draws for number, value in enumerate(values)}


def test_one_draw_per_item_gives_the_ordinary_statistics() -> None:
    assert rate_of("refusal", items(ANSWERS), how="x") == proportion("refusal", 7, 12, how="x")
    nats = [0.5, 0.25, 3.0]
    assert mean_of("kl", items(nats), unit="nats", how="x") == mean("kl", nats, unit="nats", how="x")
    before, after = items([1] * 6 + [0] * 4), items([0] * 5 + [1] * 2 + [0] * 3)
    assert paired_test(before, after) == (mcnemar(5, 1), 5, 1)


def test_the_same_draws_again_do_not_narrow_an_interval_nor_sharpen_a_test() -> None:
    twice, often = (rate_of("refusal", items(ANSWERS, draws), how="x") for draws in (2, 10))
    assert (twice.value, twice.low, twice.high) == (often.value, often.low, often.high)
    alone = proportion("refusal", sum(ANSWERS), len(ANSWERS), how="x")
    assert (alone.value, alone.low, alone.high) == (often.value, often.low, often.high)
    before, after = [1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 0, 1]
    first = paired_change("refusal", items(before), items(after), unit="fraction")
    again = paired_change("refusal", items(before, 5), items(after, 5), unit="fraction")
    assert first == again
    assert paired_test(items(before), items(after)) == paired_test(items(before, 5), items(after, 5))


def test_where_all_draws_agree_the_interval_is_that_of_the_items_and_not_of_width_zero() -> None:
    found = rate_of("refusal", items([1] * 12, 3), how="x")
    alone = proportion("refusal", 12, 12, how="x")
    assert (found.value, found.low, found.high) == (1.0, alone.low, 1.0)


def test_draws_that_differ_within_items_narrow_the_interval_but_not_beyond_independent_values() -> None:
    mixed = {f"item {number}": [0.0, 1.0, 1.0, 0.0] for number in range(10)}
    found, independent = rate_of("refusal", mixed, how="x"), proportion("refusal", 20, 40, how="x")
    assert (found.low, found.high) == pytest.approx((independent.low, independent.high))


def test_n_counts_values_and_how_says_how_many_draws_an_item_has() -> None:
    found = rate_of("refusal", items(ANSWERS, 3), how="x")
    assert found.n == 36
    assert "3 draws of each item" in found.how


def test_an_item_counts_once_in_a_test_by_the_sign_of_its_mean_change() -> None:
    before = {"a": [1.0], "b": [1.0], "c": [0.0], "d": [1.0]}
    after = {"a": [0.0, 1.0, 0.0], "b": [1.0, 1.0], "c": [1.0, 0.0], "e": [0.0]}
    assert paired_test(before, after) == (1.0, 1, 1)


def test_a_paired_change_is_sharper_than_the_spread_between_items_and_turns_its_sign_round() -> None:
    base = [float(10 * item) for item in range(20)]
    better = [value + 1.0 + 0.01 * (item % 3) for item, value in enumerate(base)]
    found = paired_change("score", items(base), items(better), unit="points")
    assert found.value == pytest.approx(1.01, abs=0.01)
    assert found.high - found.low < 0.02
    mirrored = paired_change("score", items(better), items(base), unit="points")
    assert mirrored.value == pytest.approx(-found.value)


def test_only_items_in_both_conditions_are_compared() -> None:
    found = paired_change("score", {"a": [1.0], "b": [2.0]}, {"b": [5.0], "c": [9.0]}, unit="points")
    assert (found.value, found.n, found.low) == (3.0, 1, None)


def test_without_items_there_is_no_number() -> None:
    assert rate_of("refusal", {}, how="x").value is None
    assert mean_of("kl", {}, unit="nats", how="x").value is None
    assert paired_change("score", {"a": [1.0]}, {}, unit="points").value is None
    assert paired_test({"a": [1.0]}, {"b": [1.0]}) == (None, 0, 0)


def test_exp_of_a_mean_is_a_perplexity() -> None:
    nats = mean_of("perplexity", items([1.0, 2.0, 3.0]), unit="x", how="x")
    found = exp_of(nats)
    assert (found.value, found.low, found.high) == pytest.approx(
        tuple(map(math.exp, (nats.value, nats.low, nats.high)))
    )
    assert exp_of(mean_of("perplexity", {}, unit="x", how="x")).value is None
