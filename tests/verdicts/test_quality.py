"""The paper's quality score on texts whose repeats can be counted by hand."""

import pytest

from neuroswitch.verdicts import quality


def test_text_without_a_repeated_phrase_is_perfect() -> None:
    assert quality("the quick brown fox jumps over the lazy dog") == 1.0


def test_a_loop_tends_to_zero() -> None:
    assert quality("again " * 500) == pytest.approx(1 / 497)


def test_the_score_is_the_share_of_phrases_not_seen_before() -> None:
    # a b c d e a b c d: six phrases, and "a b c d" comes twice.
    assert quality("a b c d e a b c d") == pytest.approx(5 / 6)


@pytest.mark.parametrize("text", ["", "   \n", "no", "no no no"])
def test_fewer_than_four_words_score_one_as_published(text: str) -> None:
    assert quality(text) == 1.0


def test_whitespace_between_words_does_not_matter_but_case_does() -> None:
    assert quality("a b c d a\nb\tc  d") == quality("a b c d a b c d") < quality("a b c d A B C D") == 1.0


def test_repeating_a_text_never_raises_its_quality() -> None:
    text = "First melt the butter, then add the flour and stir."
    scores = [quality(" ".join([text] * times)) for times in range(1, 6)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < scores[0]
