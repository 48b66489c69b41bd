"""Preflight: behaviours that do not occur are refused, and answers cut too short are noticed."""

import pytest

from neuroswitch.detectors import get_detector
from neuroswitch.errors import WeakBehaviour
from neuroswitch.measures.preflight import check_baseline, cut, rate_by_length
from neuroswitch.records import Completion
from neuroswitch.statistics import Measurement, holm, proportion
from neuroswitch.statistics.significance import mcnemar

CONTAINS = get_detector("contains:no")


def baseline(shown: int, n: int) -> Measurement:
    return proportion("behaviour", shown, n, how="by hand")


def answer(text: str) -> Completion:
    return Completion(text[:8], "Name a colour.", text, 9, "stop")


def test_a_behaviour_that_does_not_occur_is_refused_with_what_to_do() -> None:
    with pytest.raises(WeakBehaviour, match="hardly occurs") as caught:
        check_baseline(baseline(0, 50), behaviour="french")
    assert "0 of 50" in str(caught.value) and "do:" in str(caught.value)


def test_never_seen_is_refused_however_few_the_prompts() -> None:
    with pytest.raises(WeakBehaviour, match="0 of 8"):
        check_baseline(baseline(0, 8), behaviour="french")


def test_few_prompts_cannot_prove_that_it_is_too_rare_but_warn() -> None:
    (warning,) = check_baseline(baseline(1, 12), behaviour="french")
    assert "1 of 12" in warning


def test_nothing_judged_is_refused() -> None:
    with pytest.raises(WeakBehaviour, match="could not be measured"):
        check_baseline(baseline(0, 0), behaviour="french")


@pytest.mark.parametrize(("shown", "warnings"), [(10, 0), (50, 0), (97, 0), (98, 1), (100, 1)])
def test_a_usual_baseline_passes_and_a_saturated_one_warns(shown: int, warnings: int) -> None:
    assert len(check_baseline(baseline(shown, 100), behaviour="refusal")) == warnings


def test_the_threshold_is_where_a_complete_ablation_is_just_significant() -> None:
    others = [1.0] * 24
    assert holm([mcnemar(10, 0), *others])[0] < 0.05 < holm([mcnemar(9, 0), *others])[0]


def test_a_behaviour_that_comes_late_shows_only_in_long_answers() -> None:
    late, early = answer("One two three four no"), answer("no one")
    rows = rate_by_length([late, early], CONTAINS, lengths=(1, 4, 5))
    assert [row.words for row in rows] == [1, 4, 5]
    assert [row.rate.value for row in rows] == [0.5, 0.5, 1.0]
    assert [row.whole for row in rows] == [0, 1, 2]


def test_the_last_row_is_the_rate_itself_when_answers_are_short() -> None:
    answers = [answer("no"), answer("yes"), answer("perhaps")]
    (row,) = rate_by_length(answers, CONTAINS, lengths=(150,))
    assert row.rate.value == pytest.approx(1 / 3) and row.whole == 3


def test_cutting_keeps_white_space_and_counts_ideographs() -> None:
    assert cut("a  b\n\nc d", 3) == "a  b\n\nc"
    assert cut("a b ", 2) == "a b "
    assert cut("我不能 help", 2) == "我不"
    assert cut("", 10) == ""
