"""The whole of reading and scaling on circuits that are known because they were planted."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.reading import read_neurons
from neuroswitch.chat import encode
from neuroswitch.prompts import Prompt
from planted import Planted, planted_dense, planted_moe

BOTH = pytest.mark.parametrize("plant", [planted_dense, planted_moe])


def encoded(planted: Planted, prompts: tuple[Prompt, ...]) -> list[list[int]]:
    return [encode(planted.model.tokenizer, prompt) for prompt in prompts]


def answers(planted: Planted, prompts: tuple[Prompt, ...]) -> list[bool]:
    """Say for each prompt whether the next token is the target."""
    with torch.no_grad():
        nexts = [planted.model.module(torch.tensor([ids])).logits[0, -1] for ids in encoded(planted, prompts)]
    return [int(token.argmax()) == planted.target for token in nexts]


def difference(planted: Planted) -> Tensor:
    """Return the difference of class means, the paper's score."""
    positive = read_neurons(planted.model, encoded(planted, planted.positive))
    negative = read_neurons(planted.model, encoded(planted, planted.negative))
    return positive.mean(0) - negative.mean(0)


@BOTH
def test_the_trigger_brings_about_the_target(plant: Callable[[], Planted]) -> None:
    planted = plant()

    assert len(set(planted.positive)) == len(set(planted.negative)) == 24
    assert all(answers(planted, planted.positive))
    assert not any(answers(planted, planted.negative))


@BOTH
def test_reading_both_piles_finds_the_planted_neurons(plant: Callable[[], Planted]) -> None:
    planted = plant()

    largest = difference(planted).abs().topk(len(planted.ids)).indices

    assert set(largest.tolist()) == set(planted.ids.tolist())


@BOTH
def test_without_them_the_target_is_gone_and_others_do_not_matter(plant: Callable[[], Planted]) -> None:
    planted = plant()
    model, count = planted.model, len(planted.ids)
    others = torch.tensor([one for one in range(model.layout.size) if one not in planted.ids.tolist()])

    with scaled_neurons(model, planted.ids, torch.zeros(count)):
        assert not any(answers(planted, planted.positive))
        assert not any(answers(planted, planted.negative))
    with scaled_neurons(model, others, torch.zeros(len(others))):
        assert all(answers(planted, planted.positive))
    assert all(answers(planted, planted.positive))


def test_the_planted_expert_is_reached_by_the_trigger_only() -> None:
    planted = planted_moe()

    assert bool(read_neurons(planted.model, encoded(planted, planted.positive))[:, planted.ids].all())
    assert not read_neurons(planted.model, encoded(planted, planted.negative))[:, planted.ids].any()
