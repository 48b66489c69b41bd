"""Scores with shared beginnings against lm-eval's own way of computing them."""

import random

import pytest
import torch
from answers import Multiply

from neuroswitch.measures.forcing import Forced
from neuroswitch.measures.harness import FAMILY, lm_eval_model, log_likelihoods
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_llama, tiny_model


def contexts(tasks: int, each: int, beginning: int) -> list[Forced]:
    """Make questions of several tasks, each with its own beginning, and four answers to each, shuffled."""
    chance = random.Random(0)

    def tokens(count: int) -> tuple[int, ...]:
        return tuple(chance.randrange(7, 100) for _ in range(count))

    samples = []
    for _ in range(tasks):
        shared = tokens(beginning)
        for _ in range(each):
            asked = (*shared, *tokens(chance.randrange(3, 9)))
            samples += [Forced(asked, tokens(length)) for length in (1, 1, 2, 3)]
    chance.shuffle(samples)
    return samples


def requests(samples: list[Forced]) -> list[tuple[tuple[str, str], list[int], list[int]]]:
    return [(("", ""), list(one.prompt), list(one.answer)) for one in samples]


def stock(model: LanguageModel, samples: list[Forced]) -> list[tuple[float, bool]]:
    huggingface = pytest.importorskip("lm_eval.models.huggingface")
    harness = huggingface.HFLM(pretrained=model.module, tokenizer=model.tokenizer, batch_size=3)
    scores: list[tuple[float, bool]] = harness._loglikelihood_tokens(requests(samples), disable_tqdm=True)
    return scores


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "mixtral"])
@pytest.mark.parametrize("beginning", [FAMILY, 5])
def test_scores_are_those_of_lm_eval(name: str, beginning: int) -> None:
    model = tiny_model(name)
    samples = contexts(tasks=3, each=4, beginning=beginning)
    ours, theirs = log_likelihoods(model, samples), stock(model, samples)
    assert [score for score, _ in ours] == pytest.approx([score for score, _ in theirs], abs=1e-4)
    assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]


def test_an_intervention_is_in_the_shared_beginning_too() -> None:
    model, samples = tiny_llama(), contexts(tasks=2, each=3, beginning=FAMILY)
    with Multiply(-3.0).applied(model):
        ours, theirs = log_likelihoods(model, samples), stock(model, samples)
    assert [score for score, _ in ours] == pytest.approx([score for score, _ in theirs], abs=1e-4)
    assert ours != log_likelihoods(model, samples)


def test_what_is_shared_is_computed_once() -> None:
    model, samples = tiny_llama(), contexts(tasks=2, each=6, beginning=FAMILY)
    fed: list[int] = []

    def count(module: torch.nn.Module, arguments: tuple[object, ...], named: dict[str, torch.Tensor]) -> None:
        fed.append(named["input_ids"].numel())

    handle = model.decoder.register_forward_pre_hook(count, with_kwargs=True)
    log_likelihoods(model, samples)
    handle.remove()
    assert 2 * FAMILY < sum(fed) < 2 * FAMILY + 2 * 6 * 3 * 16


def test_long_contexts_are_cut_from_the_left_as_lm_eval_does() -> None:
    pytest.importorskip("lm_eval")
    model = tiny_llama()
    harness = lm_eval_model(model)
    harness._max_length = 12
    theirs = pytest.importorskip("lm_eval.models.huggingface").HFLM(
        pretrained=model.module, tokenizer=model.tokenizer, max_length=12
    )
    samples = [*contexts(tasks=1, each=2, beginning=9), *contexts(tasks=1, each=2, beginning=20)]
    expected = theirs._loglikelihood_tokens(requests(samples), disable_tqdm=True)
    found = harness._loglikelihood_tokens(requests(samples))
    assert [score for score, _ in found] == pytest.approx([score for score, _ in expected], abs=1e-4)
