"""Cohen's kappa on tables whose value is known by hand."""

import pytest

from neuroswitch.statistics import agreement


def raters(both: int, first: int, second: int, neither: int) -> tuple[list[bool], list[bool]]:
    one = [True] * (both + first) + [False] * (second + neither)
    other = [True] * both + [False] * first + [True] * second + [False] * neither
    return one, other


def test_a_textbook_table() -> None:
    # 20 and 15 agreements of 50: observed 0.7, by chance 0.5
    found = agreement(*raters(20, 5, 10, 15))
    assert found.kappa.value == pytest.approx(0.4)
    assert found.agree.value == pytest.approx(0.7)
    assert -1 <= found.kappa.low < 0.4 < found.kappa.high <= 1


def test_full_agreement_is_one_and_opposition_is_negative() -> None:
    assert agreement(*raters(10, 0, 0, 10)).kappa.value == pytest.approx(1)
    assert agreement(*raters(0, 10, 10, 0)).kappa.value == pytest.approx(-1)


def test_order_of_the_raters_does_not_matter() -> None:
    one, other = raters(7, 2, 4, 9)
    assert agreement(one, other).kappa.value == pytest.approx(agreement(other, one).kappa.value)


def test_the_interval_narrows_with_more_items_and_repeats_with_its_seed() -> None:
    few, many = agreement(*raters(8, 2, 2, 8)), agreement(*raters(80, 20, 20, 80))
    assert many.kappa.high - many.kappa.low < few.kappa.high - few.kappa.low
    assert few == agreement(*raters(8, 2, 2, 8))


def test_without_variation_kappa_is_undefined_not_zero() -> None:
    found = agreement([True] * 5, [True] * 5)
    assert found.kappa.value is None
    assert found.agree.value == 1


def test_missing_verdicts_are_left_out_and_counted() -> None:
    found = agreement([True, None, False, True], [True, True, None, False])
    assert (found.missing, found.agree.n) == (2, 2)
    assert agreement([], []).kappa.value is None
