"""Measurements say how they came about, and nothing missing turns into a zero."""

import pytest

from neuroswitch.statistics.estimates import mean, proportion


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
