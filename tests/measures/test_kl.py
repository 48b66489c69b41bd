"""KL divergence: zero for the identity, the textbook sum otherwise, and the model is left as it was."""

import pytest
import torch
from answers import PROMPTS, Multiply, answers

from neuroswitch.measures import divergence as module
from neuroswitch.measures.divergence import divergence, kl_per_token
from neuroswitch.measures.forcing import Forced, answer_logits, force
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_llama

TEXTS = ["the sun and the moon", "yes", "", "tea with cake in the garden"]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_llama()


@pytest.fixture(scope="module")
def samples(model: LanguageModel) -> tuple[Forced, ...]:
    return force(model, PROMPTS, completions=answers(TEXTS))


def test_the_identity_diverges_by_exactly_nothing(model: LanguageModel, samples: tuple[Forced, ...]) -> None:
    found = divergence(model, samples, intervention=Multiply(1.0))
    assert (found.value, found.low, found.high, found.n) == (0, 0, 0, 3)


def test_it_is_the_textbook_sum(model: LanguageModel, samples: tuple[Forced, ...]) -> None:
    ablation = Multiply(0.0)
    before = answer_logits(model, samples[:1])[0].double().softmax(-1)
    with ablation.applied(model):
        after = answer_logits(model, samples[:1])[0].double().softmax(-1)
    by_hand = (before * (before / after).log()).sum(-1).mean().item()
    found = kl_per_token(model, samples, intervention=ablation)
    assert found[0] == pytest.approx(by_hand, rel=1e-3)
    assert by_hand > 1e-4


def test_it_grows_with_the_strength(model: LanguageModel, samples: tuple[Forced, ...]) -> None:
    values = [
        divergence(model, samples, intervention=Multiply(multiplier)).value
        for multiplier in (0.9, 0.5, 0.0, -3.0)
    ]
    assert values == sorted(values) and 0 < values[0]


def test_the_model_is_bit_for_bit_what_it_was(model: LanguageModel, samples: tuple[Forced, ...]) -> None:
    before = answer_logits(model, samples[:2])
    divergence(model, samples, intervention=Multiply(0.0))
    for one, other in zip(before, answer_logits(model, samples[:2]), strict=True):
        assert torch.equal(one, other)


def test_chunks_change_nothing(
    model: LanguageModel, samples: tuple[Forced, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = kl_per_token(model, samples, intervention=Multiply(0.0))
    monkeypatch.setattr(module, "CHUNK", 1)
    assert kl_per_token(model, samples, intervention=Multiply(0.0)) == pytest.approx(whole)


def test_empty_answers_are_none(model: LanguageModel, samples: tuple[Forced, ...]) -> None:
    assert kl_per_token(model, samples, intervention=Multiply(0.0))[2] is None
    assert divergence(model, samples[2:3], intervention=Multiply(0.0)).value is None
