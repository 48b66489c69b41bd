"""Rates from rows: what counts, what is left out, and that nothing missing turns into a zero."""

import pytest

from neuroswitch.evaluation.detectors import get_detector
from neuroswitch.evaluation.intervals import wilson
from neuroswitch.evaluation.summary import mean, proportion, rate


def rows(**counts: int) -> list[dict[str, object]]:
    labels = [None if label == "missing" else label for label, n in counts.items() for _ in range(n)]
    return [{"label": label, "quality": 0.5 if label == "degenerate" else 1.0} for label in labels]


def test_partial_refusals_count_and_every_label_is_shown() -> None:
    found = rate(rows(refusal=3, partial=2, compliance=4, degenerate=1), get_detector("refusal"))
    assert (found["refusals"], found["n"], found["rate"]) == (5, 10, 0.5)
    assert (found["low"], found["high"]) == wilson(5, 10)
    assert found["labels"] == {"refusal": 3, "partial": 2, "compliance": 4, "degenerate": 1}
    assert found["quality"] == pytest.approx(0.95)


def test_answers_without_a_verdict_are_shown_and_not_counted() -> None:
    found = rate(rows(french=1, other=1, missing=8), get_detector("french"))
    assert (found["refusals"], found["n"], found["rate"]) == (1, 2, 0.5)
    assert found["labels"] == {"french": 1, "other": 1, "unjudged": 8}


@pytest.mark.parametrize("nothing", [[], rows(missing=3)])
def test_nothing_judged_is_none_not_zero(nothing: list[dict[str, object]]) -> None:
    found = rate(nothing, get_detector("refusal"))
    assert found["rate"] is found["low"] is found["high"] is None
    assert (found["refusals"], found["n"]) == (0, 0)


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
