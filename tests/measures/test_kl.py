"""KL divergence: zero for the identity, the textbook sum otherwise, and the model is left as it was."""

import pytest
import torch
from answers import PROMPTS, Multiply, answers

from neuroswitch.errors import BadOption
from neuroswitch.measures import damage, kl
from neuroswitch.measures.forcing import answer_logits, force
from neuroswitch.measures.kl import divergences
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_llama

TEXTS = ["the sun and the moon", "yes", "", "tea with cake in the garden"]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_llama()


def measured(model: LanguageModel, multiplier: float, texts: list[str] = TEXTS):
    """Return KL on these answers."""
    return damage(model, Multiply(multiplier), PROMPTS, answers(texts)).get("kl")


def test_the_identity_diverges_by_exactly_nothing(model: LanguageModel) -> None:
    found = measured(model, 1.0)
    assert (found.value, found.low, found.high, found.n) == (0, 0, 0, 3)


def test_it_is_the_textbook_sum(model: LanguageModel) -> None:
    samples = force(model, PROMPTS, completions=answers(TEXTS[:1]))
    before = answer_logits(model, samples)[0].double().softmax(-1)
    with Multiply(0.0).applied(model):
        after = answer_logits(model, samples)[0].double().softmax(-1)
    by_hand = (before * (before / after).log()).sum(-1).mean().item()
    assert measured(model, 0.0, TEXTS[:1]).value == pytest.approx(by_hand, rel=1e-3)
    assert by_hand > 1e-4


def test_it_grows_with_the_strength(model: LanguageModel) -> None:
    values = [measured(model, multiplier).value for multiplier in (0.9, 0.5, 0.0, -3.0)]
    assert values == sorted(values) and 0 < values[0]


def test_the_model_is_bit_for_bit_what_it_was(model: LanguageModel) -> None:
    samples = force(model, PROMPTS, completions=answers(TEXTS[:2]))
    before = answer_logits(model, samples)
    measured(model, 0.0)
    for one, other in zip(before, answer_logits(model, samples), strict=True):
        assert torch.equal(one, other)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    before, after = (
        [torch.randn(length, 50, generator=generator) for length in (1, 7, 40)] for _ in range(2)
    )
    whole = divergences(before, after)
    monkeypatch.setattr(kl, "CHUNK", 1)
    assert divergences(before, after) == pytest.approx(whole)


def test_empty_answers_are_left_out(model: LanguageModel) -> None:
    assert measured(model, 0.0, TEXTS[:3]).n == 2
    assert measured(model, 0.0, [""]) is None


def test_the_first_token_is_measured_on_every_prompt(model: LanguageModel) -> None:
    found = damage(model, Multiply(0.0), PROMPTS, answers(TEXTS), ("kl", "kl_first"))
    assert (found["kl"].n, found["kl_first"].n) == (3, 4), (
        "an answer of no token begins nowhere, its prompt does"
    )
    alone = damage(model, Multiply(0.0), PROMPTS, answers(["yes"]), ("kl", "kl_first"))
    assert alone["kl"].value == alone["kl_first"].value > 0, "one token is the first"
    other = damage(model, Multiply(0.0), PROMPTS, answers(["no"]), ["kl_first"])
    empty = damage(model, Multiply(0.0), PROMPTS, answers([""]), ["kl_first"])
    assert other["kl_first"].value == pytest.approx(alone["kl_first"].value, rel=1e-4)
    assert empty["kl_first"].value == pytest.approx(alone["kl_first"].value, rel=1e-4)


def test_the_split_is_made_where_the_verdicts_are(model: LanguageModel) -> None:
    with pytest.raises(BadOption, match="use 'kl' for it"):
        damage(model, Multiply(0.0), PROMPTS, answers(TEXTS), ["kl_shown"])
    assert "of the answers that were given" in measured(model, 0.0).how
