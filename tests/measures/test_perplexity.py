"""Perplexity where it is known: a model without preferences, and answers that a model chose itself."""

import math
from collections.abc import Sequence

import pytest
import torch
from answers import PROMPTS, Multiply, answers

from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.measures import damage, forcing
from neuroswitch.measures.forcing import Forced, answer_logits, batched, force
from neuroswitch.measures.perplexity import nats_per_token
from neuroswitch.models.handle import LanguageModel
from neuroswitch.records import Completion
from neuroswitch.statistics import Measurement
from tiny import tiny_llama, tiny_module, wrapped


def perplexity(model: LanguageModel, given: Sequence[Completion]) -> Measurement | None:
    """Return the perplexity of answers."""
    return damage(model, Multiply(1.0), PROMPTS, given, ["perplexity"]).get("perplexity")


def test_without_preferences_it_is_the_size_of_the_vocabulary() -> None:
    model = tiny_llama()
    with torch.no_grad():
        model.unembedding.zero_()
    found = perplexity(model, answers(["the sun", "a big red tree"]))
    assert found.value == found.low == found.high == pytest.approx(model.unembedding.shape[0])
    assert found.n == 2


def test_the_models_own_answers_are_less_unexpected_than_others() -> None:
    model = tiny_llama()
    own = generate(model, PROMPTS, decoding=Decoding(max_new_tokens=6))
    other = answers(
        ["the sun and the moon .", "sea sky tree river house garden", "no no no yes yes", "a a a a"]
    )
    scores = [perplexity(model, given).value for given in (own, other)]
    assert scores[0] < scores[1]


def test_it_is_the_exponential_of_the_mean_over_answers() -> None:
    model = tiny_llama()
    given = answers(["the sun", "yes", "a big red tree in the garden"])
    nats = nats_per_token(model, force(model, PROMPTS, completions=given))
    found = perplexity(model, given)
    assert found.value == pytest.approx(math.exp(sum(nats) / 3))
    assert found.low < found.value < found.high


def test_empty_answers_are_left_out() -> None:
    model = tiny_llama()
    assert perplexity(model, answers(["the sun", ""])).n == 1
    assert perplexity(model, answers([""])) is None


def test_batches_are_small_enough_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    samples = force(model, PROMPTS, completions=answers(["the sun", "yes", "no no", "tea with cake"]))
    together = nats_per_token(model, samples)
    assert sorted(i for batch in batched(model, samples) for i in batch) == [0, 1, 2, 3]
    monkeypatch.setattr(forcing, "LOGITS_BYTES", 1)
    batches = list(batched(model, samples))
    assert [len(batch) for batch in batches] == [1, 1, 1, 1]
    alone = {batch[0]: nats_per_token(model, [samples[batch[0]]])[0] for batch in batches}
    assert [alone[i] for i in range(4)] == pytest.approx(together, rel=1e-5)


def test_half_precision_models_are_scored_in_float32() -> None:
    model = tiny_llama()
    samples = force(model, PROMPTS, completions=answers(["the sun and the moon"]))
    expected = nats_per_token(model, samples)[0]
    model.module.to(torch.bfloat16)
    logits = forcing.answer_logits(model, samples)[0]
    log_p = logits.double().log_softmax(-1)
    exact = -log_p[range(len(log_p)), list(samples[0].answer)].mean().item()
    assert logits.dtype == torch.bfloat16
    assert nats_per_token(model, samples)[0] == pytest.approx(exact, rel=1e-5)
    assert exact == pytest.approx(expected, rel=0.05)


def test_token_ids_are_not_rounded_to_the_models_type() -> None:
    model = wrapped(tiny_module("llama", vocab_size=5000).bfloat16())
    sample = Forced((1, 4, 9), (4099, 301, 2047))  # none of them is a bfloat16
    log_p = answer_logits(model, [sample])[0].float().log_softmax(-1)
    expected = -sum(float(row[token]) for row, token in zip(log_p, sample.answer, strict=True)) / 3
    assert nats_per_token(model, [sample]) == [pytest.approx(expected, rel=1e-6)]
