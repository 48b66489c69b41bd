"""The prompts that come with the library."""

import pytest

from neuroswitch.errors import BadOption
from neuroswitch.prompts import ContrastSet, builtin_names, check_held_out, diverse_prompts
from neuroswitch.prompts.leaks import comparable


@pytest.mark.parametrize(("name", "least"), [("refusal", 120), ("french", 40), ("formal", 40)])
def test_builtin_sets_are_matched_pairs_in_three_splits(name: str, least: int) -> None:
    contrast = ContrastSet.builtin(name)

    count = 0
    for piles in contrast.splits().values():
        assert [p.group for p in piles.positive] == [p.group for p in piles.negative]
        count += len(piles.positive)
    assert count >= least
    assert len(contrast.test.positive) >= 12
    assert contrast.name == name


def test_builtin_prompts_are_single_short_turns() -> None:
    for name in builtin_names():
        for piles in ContrastSet.builtin(name).splits().values():
            for prompt in (*piles.positive, *piles.negative):
                assert len(prompt.messages) == 1
                assert len(prompt.text) < 120, prompt.text


def test_builtin_refusal_pairs_have_the_same_form() -> None:
    contrast = ContrastSet.builtin("refusal")
    for piles in contrast.splits().values():
        for positive, negative in zip(*piles, strict=True):
            assert positive.text.split()[0] == negative.text.split()[0]
            lengths = sorted(len(prompt.text.split()) for prompt in (positive, negative))
            assert lengths[1] - lengths[0] <= 5, (positive.text, negative.text)


def test_an_unknown_builtin_set_lists_those_there_are() -> None:
    with pytest.raises(BadOption, match="formal, french, refusal"):
        ContrastSet.builtin("sarcasm")


def test_diverse_prompts_are_many_distinct_and_in_no_contrast_set() -> None:
    prompts = diverse_prompts()

    assert len({comparable(prompt.text) for prompt in prompts}) == len(prompts) >= 60
    assert sum(not prompt.text.isascii() for prompt in prompts) >= 8
    for name in builtin_names():
        check_held_out(prompts, ContrastSet.builtin(name))
