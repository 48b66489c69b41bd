"""Total effects: a derivative by hand, one batch or many, the planted circuit, what is refused."""

import pytest
import torch

from neuroswitch.activations import differentiable_log_probabilities, scaled_neurons
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.discovery import effects
from neuroswitch.discovery.collection import collect
from neuroswitch.discovery.contribution import Response, contributions
from neuroswitch.discovery.effects import effects_in_state, total
from neuroswitch.discovery.finding import find_circuit
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.responses import Answering, Gathering
from neuroswitch.discovery.streaming import require_streamable
from neuroswitch.errors import BadOption, UnsupportedModel
from neuroswitch.models.handle import LanguageModel
from neuroswitch.progress import silent
from planted_task import task_of, unsure
from sets import prompts, tiny_contrast
from tiny import tiny_llama, tiny_model


def _responses(model: LanguageModel) -> list[Response]:
    lengths = (2, 5, 1, 4)
    return [
        Response(encode(model.tokenizer, prompt), list(range(20, 20 + length)))
        for prompt, length in zip(prompts("tell me"), lengths, strict=False)
    ]


def test_the_effect_on_a_response_is_the_derivative_by_multipliers() -> None:
    model = tiny_llama()
    expected = torch.zeros(model.layout.size)
    ids = torch.arange(model.layout.size)
    for one in _responses(model):
        multipliers = torch.ones(model.layout.size, requires_grad=True)
        with scaled_neurons(model, ids, multipliers):
            log_p = differentiable_log_probabilities(model, [one.whole], [one.positions])
        mean = log_p.gather(1, torch.tensor(one.tokens)[:, None]).mean()
        expected += torch.autograd.grad(mean, multipliers)[0] / 4

    found = contributions(model, _responses(model), total)

    assert found.count == 4
    torch.testing.assert_close(found.mean.float(), expected, rtol=1e-3, atol=1e-7)


def test_effects_in_a_state_are_differences_between_states_near_it() -> None:
    model = tiny_llama()
    responses, ids = _responses(model), torch.tensor([3, 70, 71, 150])
    multipliers, step = torch.tensor([0.0, 2.0, -1.0, 1.0]), 0.05
    found = effects_in_state(model, responses, ids, multipliers)

    def likelihood(changed: torch.Tensor) -> float:
        with scaled_neurons(model, ids, changed), torch.no_grad():
            log_p = [
                differentiable_log_probabilities(model, [one.whole], [one.positions]) for one in responses
            ]
        means = [
            each.double().gather(1, torch.tensor(one.tokens)[:, None]).mean()
            for each, one in zip(log_p, responses, strict=True)
        ]
        return float(torch.stack(means).mean())

    for place in range(4):
        near = [multipliers.clone() for _ in range(2)]
        near[0][place] += step
        near[1][place] -= step
        expected = (likelihood(near[0]) - likelihood(near[1])) / (2 * step)
        assert float(found[place]) == pytest.approx(expected, rel=0.05, abs=1e-5)
    ones = effects_in_state(model, responses, ids, torch.ones(4))
    torch.testing.assert_close(
        ones, contributions(model, responses, total).mean.float()[ids], rtol=1e-3, atol=1e-6
    )


def test_batches_and_scarce_memory_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    together = contributions(model, _responses(model), total)
    alone = contributions(model, _responses(model), total, batch_size=1)
    real, tried = effects.neuron_gradients, []

    def limited(model, ids, *rest):  # type: ignore[no-untyped-def]
        tried.append(len(ids))
        if len(ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(model, ids, *rest)

    monkeypatch.setattr(effects, "neuron_gradients", limited)
    halved = contributions(model, _responses(model), total)

    assert max(tried) == 4
    for other in (alone, halved):
        torch.testing.assert_close(together.mean, other.mean, rtol=1e-4, atol=1e-8)
        torch.testing.assert_close(together.m2, other.m2, rtol=1e-3, atol=1e-12)


def test_the_score_is_the_difference_between_own_responses_that_show_the_behaviour_and_others() -> None:
    model, contrast = tiny_llama(), tiny_contrast()
    statistics = collect(model, contrast, ranking="total_effect")
    answering = Answering(model, Gathering(), ChatFormat(), silent)

    negative = contributions(model, answering.responses(contrast.discovery.negative), total)

    assert statistics.total_effect is not None and statistics.contribution is None
    torch.testing.assert_close(statistics.total_effect.negative.mean, negative.mean)
    assert statistics.total_effect.positive.count == 24  # two rounds of twelve prompts
    found = rank(statistics, "total_effect", model).value
    torch.testing.assert_close(found, statistics.total_effect.difference)


def test_the_planted_neurons_are_found() -> None:
    planted = unsure()
    task = task_of(planted)
    circuit = find_circuit(planted.model, task.contrast, task.shows, ranking="total_effect", size=4)
    assert circuit.ids.tolist() == planted.ids.tolist()


def test_it_cannot_be_streamed_or_taken_of_experts() -> None:
    with pytest.raises(BadOption, match="'total_effect'"):
        require_streamable("total_effect")
    with pytest.raises(UnsupportedModel, match="experts"):
        collect(tiny_model("mixtral"), tiny_contrast(), ranking="total_effect")
