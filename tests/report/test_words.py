"""How numbers are written."""

import pytest

from neuroswitch.report import words

PERCENT = words.THIN + "%"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0, "0"), (0.5, "50"), (0.625, "62.5"), (1 / 3, "33.3"), (0.9996, "100"), (1.0, "100")],
)
def test_percentages_are_whole_where_they_are_exact(fraction: float, text: str) -> None:
    assert words.percent(fraction) == text + PERCENT


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(116 / 116736, "0.1"), (30 / 116736, "0.026"), (0.005, "0.5"), (0.25, "25"), (1e-6, "0.0001")],
)
def test_small_shares_keep_their_digits(fraction: float, text: str) -> None:
    assert words.share(fraction) == text + PERCENT


def test_what_is_missing_is_a_dash_everywhere() -> None:
    for write in (words.percent, words.share, words.number, words.short_number, words.p_value):
        assert write(None) == "–"
    assert words.between(None, 0.5) == "–"
    assert dict(words.facts({"a": None, "b": "", "c": []})) == {"a": "–", "b": "–", "c": "–"}


def test_p_values_below_a_thousandth_are_only_bounded() -> None:
    assert words.p_value(2.3e-11) == f"<{words.THIN}0.001"
    assert words.p_equals(0.031) == "p = 0.031"
    assert words.p_equals(1e-9) == f"p <{words.THIN}0.001"


def test_tokens_show_their_white_space() -> None:
    assert words.visible(" a\n\t") == "␣a↵⇥"
    assert words.visible("") == "∅"


def test_facts_are_flat_and_readable() -> None:
    record = {
        "max_new_tokens": 150,
        "chat": {"system": None, "thinking": True},
        "seeds": [0, 1],
        "size": 0.001,
    }
    assert list(words.facts(record)) == [
        ("max new tokens", "150"),
        ("chat", "system –, thinking yes"),
        ("seeds", "0, 1"),
        ("size", "0.001"),
    ]
