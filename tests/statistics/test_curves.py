"""The rate at a given damage: it goes through what was measured, and its intervals behave."""

import numpy as np
import pytest

from neuroswitch.measures import MEASURES
from neuroswitch.records import MeasureInfo
from neuroswitch.statistics import (
    Curve,
    Sampled,
    mean_rate,
    rate_at,
    rate_curves,
    rate_difference,
    wilson,
)

KL = MEASURES.get("kl").info
RNG = np.random.default_rng(0)


def drawn(rate: float, n: int = 60, seed: int = 0) -> dict[str, float]:
    """Return answers of which a share shows the behaviour; the same prompts show it first."""
    order = np.random.default_rng(seed).permutation(n)
    return {f"p{item}": float(place < round(rate * n)) for place, item in enumerate(order)}


def nats(mean: float, n: int = 40) -> dict[str, float]:
    """Return divergences with a given mean."""
    values = np.random.default_rng(1).gamma(2.0, 1.0, n)
    return {f"b{i}": float(one) for i, one in enumerate(mean * values / values.mean())}


def state(strength: float, rate: float, damage: float) -> Sampled:
    return Sampled(strength, [drawn(rate)], [nats(damage)])


UNTOUCHED = Sampled(0.0, [drawn(0.6)], [{}])


def curve(*points: Sampled, untouched: Sampled = UNTOUCHED, info: MeasureInfo = KL) -> Curve:
    return rate_curves(untouched, {"toy": points}, info)["toy"]


THREE = (state(0.5, 0.4, 0.01), state(1.0, 0.2, 0.05), state(2.0, 0.3, 0.2))


def test_it_hits_what_was_measured_and_is_linear_between() -> None:
    found = curve(*THREE)
    for damage, rate in ((0.01, 0.4), (0.05, 0.2), (0.2, 0.3), (0.5, 0.3)):
        assert found.at(damage + 1e-12)[0] == pytest.approx(rate, abs=1e-6)
    assert found.at(0.03)[0] == pytest.approx(0.3)
    assert found.at(0.0)[0] == pytest.approx(0.6), "no damage is the untouched model"
    assert found.at(0.005)[0] == pytest.approx(0.5)
    assert found.beside(0.03) == (0.5, 1.0)
    assert found.beside(0.005) == (0.0, 0.5)
    assert found.beside(1.0) == (2.0, 2.0)


def test_the_order_of_strengths_does_not_matter() -> None:
    assert np.allclose(curve(*THREE).at(0.03), curve(*reversed(THREE)).at(0.03))
    assert curve(*reversed(THREE)).strengths == (0.0, 0.5, 1.0, 2.0)


def test_the_area_of_a_constant_curve_is_the_constant() -> None:
    same = curve(state(0.5, 0.6, 0.01), state(1.0, 0.6, 0.05))
    for budget in (0.001, 0.03, 0.05, 2.0):
        assert same.area(budget)[0] == pytest.approx(0.6)


def test_the_area_is_the_integral(n: int = 20_000) -> None:
    found = curve(*THREE)
    for budget in (0.004, 0.03, 0.12, 0.7):
        middles = (np.arange(n) + 0.5) * budget / n
        by_hand = np.interp(middles, found.damage[0], found.rate[0]).mean()
        assert found.area(budget)[0] == pytest.approx(by_hand, rel=1e-4)
        assert 0 <= found.area(budget).min() <= found.area(budget).max() <= 1


def test_intervals_hold_their_values_and_rates_are_no_surer_than_wilson_allows() -> None:
    found = curve(*THREE)
    for budget in (0.004, 0.03, 0.2):
        rate, area = rate_at(found, budget), mean_rate(found, budget)
        for one in (rate, area):
            assert one.low <= one.value <= one.high
            assert 0 < one.high - one.low < 0.6
        plain = wilson(rate.value * 60, 60)
        assert rate.low <= plain.low and rate.high >= plain.high


def test_nothing_left_is_not_certainty() -> None:
    gone = curve(state(1.0, 0.0, 0.0))
    rate = rate_at(gone, 0.03)
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(wilson(0, 60).high)
    difference = rate_difference(gone, gone, 0.03)
    assert difference.value == 0 and difference.low < 0 < difference.high


def test_a_method_that_does_nothing_stays_at_the_untouched_rate() -> None:
    nothing = curve(Sampled(1.0, UNTOUCHED.rate, [nats(0.0)]))
    assert rate_at(nothing, 0.03).value == mean_rate(nothing, 0.03).value == pytest.approx(0.6)


def test_two_methods_are_paired_by_prompt() -> None:
    alike = [state(1.0, 0.3, 0.02)]
    apart = Sampled(1.0, [drawn(0.3, seed=5)], [nats(0.02)])
    found = rate_curves(UNTOUCHED, {"one": alike, "same": alike, "other": [apart]}, KL)
    assert np.array_equal(found["one"].at(0.03), found["same"].at(0.03)), "the same resamples for all"
    difference = rate_difference(found["one"], found["other"], 0.03)
    assert difference.value == pytest.approx(0.0, abs=1e-9)
    assert difference.low < 0 < difference.high
    lower = rate_curves(UNTOUCHED, {"one": alike, "two": [state(1.0, 0.1, 0.02)]}, KL)
    paired = rate_difference(lower["two"], lower["one"], 0.03)
    assert paired.value == pytest.approx(-0.2)
    assert paired.high < 0, "the same prompts stop first, so that the pair is surer than two samples"


def test_circuits_that_differ_widen_the_interval() -> None:
    one = Sampled(1.0, [drawn(0.3)] * 4, [nats(0.02)] * 4)
    rates = (0.05, 0.2, 0.4, 0.55)
    spread = Sampled(
        1.0, [drawn(rate) for rate in rates], [nats(damage) for damage in (0.01, 0.02, 0.02, 0.03)]
    )
    found = rate_curves(UNTOUCHED, {"steady": [one], "shaky": [spread]}, KL)
    steady, shaky = (rate_at(found[name], 0.03) for name in ("steady", "shaky"))
    assert steady.value == pytest.approx(shaky.value)
    assert shaky.high - shaky.low > 1.3 * (steady.high - steady.low)
    assert "circuits" in shaky.how and found["shaky"].circuits == 4


def test_a_loss_is_the_damage_of_a_measure_of_quality_on_the_same_items() -> None:
    info = MEASURES.get("benign_quality").info
    before = Sampled(0.0, [drawn(0.6)], [{f"b{i}": 0.5 + 0.4 * (i >= 20) for i in range(40)}])
    after = Sampled(1.0, [drawn(0.2)], [{f"b{i}": 0.8 for i in range(20, 40)}])  # answers 20 of them
    assert curve(after, untouched=before, info=info).damage[0].tolist() == pytest.approx([0.0, 0.1])
    better = Sampled(1.0, [drawn(0.2)], [{f"b{i}": 0.95 for i in range(20, 40)}])
    assert curve(better, untouched=before, info=info).damage[0].tolist() == [0.0, 0.0], "no damage below 0"


def test_methods_without_damage_are_left_out_and_missing_verdicts_do_not_count() -> None:
    found = rate_curves(UNTOUCHED, {"asking": [Sampled(1.0, [drawn(0.1)], [{}])], "toy": THREE}, KL)
    assert list(found) == ["toy"]
    some = {item: value for item, value in drawn(0.5).items() if item not in ("p1", "p2")}
    assert curve(Sampled(1.0, [some], [nats(0.01)])).prompts == 58
