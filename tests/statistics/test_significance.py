"""Tests of chance: published values, and properties that hold for any counts."""

import math
from itertools import product

import pytest

from neuroswitch.statistics import Stratum, expected_overlap, holm, mcnemar, overlap


def test_mcnemar_is_the_sign_test_of_the_pairs_that_changed() -> None:
    for b, c in product(range(8), repeat=2):
        n, least = b + c, min(b, c)
        by_hand = 2 * sum(math.comb(n, i) for i in range(least + 1)) / 2**n
        assert mcnemar(b, c) == pytest.approx(min(by_hand, 1.0))


def test_mcnemar_without_a_changed_pair_finds_nothing() -> None:
    assert mcnemar(0, 0) == 1.0


def test_holm_gives_the_textbook_values() -> None:
    # statsmodels.stats.multitest.multipletests(ps, method="holm"), version 0.14.
    ps = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert holm(ps) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


def test_holm_keeps_the_order_of_strength_and_lies_between_raw_and_bonferroni() -> None:
    ps = [0.2, 0.001, 0.04, 0.04, 0.9, 0.0]
    adjusted = holm(ps)
    ranked = sorted(zip(ps, adjusted, strict=True))
    assert [after for _, after in ranked] == sorted(adjusted)
    for raw, after in zip(ps, adjusted, strict=True):
        assert raw <= after <= min(1.0, raw * len(ps))


def test_holm_leaves_a_single_comparison_alone_and_none_empty() -> None:
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_probability(bad: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, bad])


def test_overlap_of_a_whole_model_is_the_hypergeometric_test() -> None:
    found = overlap(2, [Stratum(3, 4, 10)])
    by_hand = sum(math.comb(4, i) * math.comb(6, 3 - i) for i in (2, 3)) / math.comb(10, 3)
    assert found.p == pytest.approx(by_hand)
    assert found.expected == pytest.approx(1.2)


def test_matching_by_layer_explains_an_overlap_that_only_shares_its_layers() -> None:
    # Both circuits live in one layer of ten; sharing half is what chance gives there.
    by_layer = [Stratum(50, 50, 100), *[Stratum(0, 0, 100)] * 9]
    assert overlap(25, [Stratum(50, 50, 1000)]).p < 1e-12
    assert overlap(25, by_layer).p > 0.5
    assert expected_overlap(by_layer) == pytest.approx(25)


def test_overlap_probabilities_add_up_over_layers() -> None:
    strata = [Stratum(2, 3, 6), Stratum(1, 2, 5), Stratum(0, 4, 4), Stratum(0, 0, 0)]
    tails = [overlap(shared, strata).p for shared in range(4)]
    assert tails[0] == pytest.approx(1.0)
    assert sum(tails[1:]) == pytest.approx(expected_overlap(strata))  # mean = sum of the tails
    assert tails == sorted(tails, reverse=True)


def test_impossible_overlaps_are_refused() -> None:
    with pytest.raises(ValueError, match="allow 0 to 2"):
        overlap(3, [Stratum(2, 5, 10)])
    with pytest.raises(ValueError, match="more neurons than there are"):
        overlap(0, [Stratum(11, 5, 10)])
