"""Teacher forcing against the plainest way to do it: one sample, one forward pass, all logits."""

import pytest
import torch
from answers import PROMPTS, answers

from neuroswitch.chat import encode
from neuroswitch.errors import BadPrompts
from neuroswitch.measures import forcing
from neuroswitch.measures.forcing import answer_logits, batched, force
from tiny import tiny_model

TEXTS = ["the sun and the moon", "", "yes", "water and bread with tea in the old house"]


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2"])
def test_a_batch_gives_each_answer_the_logits_it_would_have_alone(name: str) -> None:
    model = tiny_model(name)
    samples = [one for one in force(model, PROMPTS, completions=answers(TEXTS)) if one.answer]
    together = answer_logits(model, samples)
    for sample, logits in zip(samples, together, strict=True):
        with torch.inference_mode():
            alone = model.module(torch.tensor([[*sample.prompt, *sample.answer]])).logits[0]
        torch.testing.assert_close(logits, alone[len(sample.prompt) - 1 : -1], rtol=1e-5, atol=1e-5)


def test_an_answer_follows_its_prompt_whatever_the_order() -> None:
    model = tiny_model("llama")
    given = answers(TEXTS)[::-1]
    samples = force(model, PROMPTS, completions=given)
    for sample, completion in zip(samples, given, strict=True):
        prompt = next(prompt for prompt in PROMPTS if prompt.id == completion.prompt_id)
        assert list(sample.prompt) == encode(model.tokenizer, prompt)
        assert model.tokenizer.decode(sample.answer) == completion.text


def test_every_answer_is_in_one_batch_and_empty_ones_in_none(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    samples = force(model, PROMPTS, completions=answers(TEXTS))
    assert [sorted(batch) for batch in batched(model, samples)] == [[0, 2, 3]]

    monkeypatch.setattr(forcing, "LOGITS_BYTES", 1)
    assert sorted(batched(model, samples)) == [[0], [2], [3]]


def test_answers_to_unknown_prompts_are_refused() -> None:
    with pytest.raises(BadPrompts, match="prompt p3"):
        force(tiny_model("llama"), PROMPTS[:3], completions=answers(TEXTS))
