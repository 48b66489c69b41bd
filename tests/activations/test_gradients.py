"""Gradients with respect to neurons: three routes to the same number."""

import pytest
import torch

from neuroswitch.activations import differentiable_log_probabilities, neuron_gradients, scaled_neurons
from neuroswitch.errors import UnsupportedModel
from tiny import tiny_model

ROWS = [[5, 6, 7, 8, 9], [5, 3, 2]]
PLACES = [[2, 3], [1]]


def _chosen(log_p: torch.Tensor) -> torch.Tensor:
    return log_p[[0, 1, 2], [4, 11, 7]].sum()


def _effects(model: object, rows: list[list[int]] = ROWS, places: list[list[int]] = PLACES) -> torch.Tensor:
    return neuron_gradients(model, rows, places, _chosen, lambda a, g: (a * g).sum((0, 1)))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "phi"])
def test_the_total_effect_is_the_derivative_with_respect_to_the_multiplier(kind: str) -> None:
    model = tiny_model(kind)
    effects = _effects(model)
    ids = effects.abs().topk(5).indices.sort().values
    multipliers = torch.ones(5, requires_grad=True)
    with scaled_neurons(model, ids, multipliers):
        number = _chosen(differentiable_log_probabilities(model, ROWS, PLACES))
    (by_multiplier,) = torch.autograd.grad(number, multipliers)
    assert torch.allclose(by_multiplier, effects[ids], rtol=1e-3, atol=1e-6)

    step, found = 0.1, []
    for place in range(5):
        values = []
        for sign in (1, -1):
            changed = torch.ones(5)
            changed[place] += sign * step
            with scaled_neurons(model, ids, changed):
                number = _chosen(differentiable_log_probabilities(model, ROWS, PLACES))
                values.append(number.item())
        found.append((values[0] - values[1]) / (2 * step))
    assert torch.allclose(torch.tensor(found), effects[ids], rtol=0.1, atol=2e-4)


def test_a_batch_gives_what_its_sequences_give() -> None:
    model = tiny_model("llama")

    def alone(row: int, targets: list[int]) -> torch.Tensor:
        return neuron_gradients(
            model,
            [ROWS[row]],
            [PLACES[row]],
            lambda log_p: log_p[range(len(targets)), targets].sum(),
            lambda a, g: (a * g).sum((0, 1)),
        )

    both = alone(0, [4, 11]) + alone(1, [7])
    assert torch.allclose(both, _effects(model), rtol=1e-3, atol=1e-6)


def test_nothing_is_left_in_the_model() -> None:
    model = tiny_model("llama")
    before = differentiable_log_probabilities(model, ROWS, PLACES)
    _effects(model)
    assert torch.equal(before, differentiable_log_probabilities(model, ROWS, PLACES))
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_experts_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="experts"):
        _effects(tiny_model("mixtral"))
