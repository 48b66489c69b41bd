"""Rates from rows: what counts, what is left out, and that nothing missing turns into a zero."""

import pytest

from neuroswitch.detectors import get_detector
from neuroswitch.measures.summary import rate
from neuroswitch.statistics import wilson


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
