"""Accuracy and its paired change on exams whose outcome is known."""

import pytest

from neuroswitch.measures.marks import Marks, accuracy, accuracy_change


def marks(right: str) -> Marks:
    return Marks({f"q/{n}": letter == "1" for n, letter in enumerate(right)}, "by hand")


def test_accuracy_has_a_wilson_interval() -> None:
    found = accuracy(marks("1101"))
    assert found.value == 0.75 and found.n == 4 and found.low < 0.75 < found.high


def test_the_change_is_paired() -> None:
    found = accuracy_change(marks("1" * 20 + "0" * 20), marks("1" * 10 + "0" * 30))
    assert found.difference.value == pytest.approx(-0.25)
    assert found.difference.low < -0.25 < found.difference.high < 0
    assert found.p == pytest.approx(2 * 0.5**10)


def test_nothing_changed_is_no_evidence() -> None:
    found = accuracy_change(marks("1010"), marks("1010"))
    assert (found.difference.value, found.difference.low, found.difference.high, found.p) == (0, 0, 0, 1)


def test_different_questions_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different questions"):
        accuracy_change(marks("10"), marks("101"))
