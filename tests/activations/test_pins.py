"""Pins: the neuron has its constant whatever the input is, and nothing is left behind."""

import pytest
import torch
from torch import Tensor

from neuroswitch.activations import anchored_neurons, pinned_neurons, scaled_neurons
from neuroswitch.activations.reading import read_neurons
from neuroswitch.errors import BadCircuit, BadOption, UnsupportedModel
from neuroswitch.models.handle import LanguageModel
from neuroswitch.sites import hooked
from tiny import tiny_llama, tiny_model

TOKENS = torch.tensor([[5, 6, 7, 8, 9], [20, 21, 22, 23, 24]])
NAMES = ["llama", "gpt2", "opt", "phi3"]
IDS = torch.tensor([3, 130, 64, 70])
VALUES = torch.tensor([1.5, -20.0, 0.0, 3.0])
GAPS = torch.tensor([0.5, 2.0, -1.0, -0.25])


def logits(model: LanguageModel) -> Tensor:
    with torch.no_grad():
        return model.module(TOKENS, use_cache=False).logits


def projected(model: LanguageModel, layer: int) -> Tensor:
    """Return what one output projection is given, after all changes that are open, shape (2, 5, width)."""
    seen: list[Tensor] = []
    module = model.module.get_submodule(model.layout.sites[layer].path)
    # registered last, so it sees what the hooks before it have made of the input
    with hooked(module, before=lambda _, arguments, named: seen.append(arguments[0])):
        logits(model)
    return seen[0]


@pytest.mark.parametrize("name", NAMES)
def test_strength_zero_changes_no_bit(name: str) -> None:
    model = tiny_model(name)
    before = logits(model)

    with pinned_neurons(model, IDS, VALUES, strength=0.0):
        assert torch.equal(logits(model), before)
    with anchored_neurons(model, IDS, VALUES, GAPS, strength=0.0):
        assert torch.equal(logits(model), before)


@pytest.mark.parametrize("name", NAMES)
def test_after_the_block_the_model_is_bit_for_bit_what_it_was(name: str) -> None:
    model = tiny_model(name)
    before = logits(model)

    with pytest.raises(ZeroDivisionError), pinned_neurons(model, IDS, VALUES):
        assert not torch.equal(logits(model), before)
        raise ZeroDivisionError

    assert torch.equal(logits(model), before)
    assert not any(child._forward_pre_hooks for child in model.module.modules())


def test_at_strength_one_a_neuron_is_its_constant_whatever_the_input_is() -> None:
    model = tiny_llama()
    plain = projected(model, 0)

    with pinned_neurons(model, IDS, VALUES):
        first, second = projected(model, 0), projected(model, 1)

    assert torch.equal(first[..., 3], torch.full((2, 5), 1.5))
    assert torch.equal(second[..., [0, 6]], torch.tensor([0.0, 3.0]).expand(2, 5, 2))
    others = [place for place in range(64) if place != 3]
    assert torch.equal(first[..., others], plain[..., others])


def test_a_strength_between_is_a_part_of_the_way() -> None:
    model = tiny_llama()
    plain = projected(model, 0)[..., 3]

    with pinned_neurons(model, IDS[:1], VALUES[:1], strength=0.25):
        moved = projected(model, 0)[..., 3]

    torch.testing.assert_close(moved, 0.75 * plain + 0.25 * 1.5)


def test_a_pin_is_a_bias_of_the_projection() -> None:
    model, copy = tiny_llama(), tiny_llama()
    with pinned_neurons(model, IDS, VALUES):
        expected = logits(model)

    for path, local in copy.layout.by_site(IDS).items():
        module = copy.module.get_submodule(path)
        site = copy.layout.paths.index(path)
        rows = [IDS.tolist().index(int(one) + copy.layout.offsets[site]) for one in local]
        with torch.no_grad():
            bias = module.weight[:, local] @ VALUES[rows]
            module.weight[:, local] = 0
        module.bias = torch.nn.Parameter(bias)

    torch.testing.assert_close(logits(copy), expected, rtol=1e-4, atol=1e-5)


def test_an_anchored_neuron_follows_the_published_formula() -> None:
    model = tiny_llama()
    ids, gaps = torch.arange(64), torch.linspace(0.3, 1.0, 64)
    values = torch.tensor([0.2, -0.2]).repeat(32)
    own = projected(model, 0)

    with anchored_neurons(model, ids, values, gaps):
        moved = projected(model, 0)

    for j in range(64):
        line = own[..., j] * float(values[j]) / float(gaps[j]) - float(gaps[j])
        bounded = line.clamp(max=0.2) if values[j] > 0 else line.clamp(min=-0.2)
        torch.testing.assert_close(moved[..., j], bounded)
    assert bool((moved[..., ::2] <= 0.2).all()) and bool((moved[..., 1::2] >= -0.2).all())


def test_an_anchored_neuron_is_its_constant_where_the_behaviour_shows_and_minus_its_gap_where_it_is_silent() -> (
    None
):
    model = tiny_llama()
    own = projected(model, 0)[..., 5]
    gap = (
        float(own.abs().min()) * own.sign().mode().values.mode().values
    )  # every value of that sign is beyond it
    shown = own * gap > 0

    with anchored_neurons(
        model, torch.tensor([5]), torch.tensor([-40 * float(gap)]), torch.tensor([float(gap)])
    ):
        moved = projected(model, 0)[..., 5]

    torch.testing.assert_close(moved[shown], torch.full_like(moved[shown], -40 * float(gap)))
    silent = tiny_llama()
    with torch.no_grad():
        silent.module.model.layers[0].mlp.up_proj.weight[5] = 0
    with anchored_neurons(silent, torch.tensor([5]), torch.tensor([-8.0]), torch.tensor([0.5])):
        assert torch.equal(projected(silent, 0)[..., 5], torch.full((2, 5), -0.5))


def test_nested_blocks_change_one_after_the_other() -> None:
    model = tiny_llama()
    with scaled_neurons(model, IDS, torch.zeros(4)), pinned_neurons(model, IDS, VALUES):
        assert torch.equal(projected(model, 0)[..., 3], torch.full((2, 5), 1.5))
    with pinned_neurons(model, IDS, VALUES), scaled_neurons(model, IDS, torch.full((4,), 2.0)):
        assert torch.equal(projected(model, 0)[..., 3], torch.full((2, 5), 3.0))
    with pinned_neurons(model, IDS, VALUES), pinned_neurons(model, IDS[:1], torch.tensor([7.0])):
        assert torch.equal(projected(model, 0)[..., 3], torch.full((2, 5), 7.0))
        assert torch.equal(projected(model, 1)[..., 6], torch.full((2, 5), 3.0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype: torch.dtype) -> None:
    model = tiny_llama()
    model.module.to(dtype)
    before = logits(model)

    with pinned_neurons(model, IDS, VALUES):
        assert torch.equal(projected(model, 1)[..., 6], torch.full((2, 5), 3.0, dtype=dtype))
    assert torch.equal(logits(model), before)


def test_later_layers_read_the_constant() -> None:
    model = tiny_llama()
    plain = read_neurons(model, TOKENS.tolist())

    with pinned_neurons(model, torch.arange(64), torch.full((64,), 2.0)):
        steered = read_neurons(model, TOKENS.tolist())

    assert not torch.equal(steered[:, 64:], plain[:, 64:])


def test_neurons_of_experts_are_refused() -> None:
    model = tiny_model("mixtral")
    with pytest.raises(UnsupportedModel, match="experts"), pinned_neurons(model, IDS, VALUES):
        pass


@pytest.mark.parametrize(
    ("ids", "values", "strength", "error"),
    [
        ([1, 1], [0.0, 0.0], 1.0, BadCircuit),
        ([1, 2], [0.0], 1.0, BadCircuit),
        ([1], [float("nan")], 1.0, BadCircuit),
        ([192], [0.0], 1.0, BadCircuit),
        ([1], [0.0], float("inf"), BadOption),
    ],
)
def test_wrong_pins_are_refused(
    ids: list[int], values: list[float], strength: float, error: type[Exception]
) -> None:
    with (
        pytest.raises(error),
        pinned_neurons(tiny_llama(), torch.tensor(ids), torch.tensor(values), strength=strength),
    ):
        pass


def test_a_neuron_without_a_gap_is_not_anchored() -> None:
    with (
        pytest.raises(BadCircuit, match="means on both piles"),
        anchored_neurons(tiny_llama(), IDS, VALUES, torch.zeros(4)),
    ):
        pass
