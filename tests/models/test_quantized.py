"""Quantised models: read, scaled, restored and ranked like others; what could not be exact is refused.

How exact a scaling is says the backend's own arithmetic: weight-only kinds compute in float, so a scaled
neuron's effect is its column to rounding; kinds that round the activations themselves do so after the scaling.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.output import output_columns
from neuroswitch.activations.reading import read_last_token
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.files import load_fingerprint
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.errors import BadOption, UnsupportedModel
from neuroswitch.models.handle import LanguageModel
from neuroswitch.models.loading import load_model, wrap_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.sites.experts import experts_of
from sets import tiny_contrast
from tiny import tiny_module, tiny_tokenizer, wrapped

SIZES = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
TOKENS = torch.tensor([[3, 5, 8, 13, 21]])
PROMPTS = [[5, 6, 7, 8, 9, 10], [20, 21], [33, 34, 35]]


class Kind(NamedTuple):
    """A backend, and how far off it may be.

    Attributes:
        library: What must be installed.
        weights: Relative error of its columns against those of the float model.
        effect: Relative error of what a scaled neuron adds to its block's output.
        batches: Relative difference that other prompts of the batch may make.
    """

    library: str
    weights: float
    effect: float
    batches: float


KINDS = {
    "bnb-8bit": Kind("bitsandbytes", 0.01, 0.08, 0.1),  # rounds activations, by the largest of the batch
    "bnb-4bit": Kind("bitsandbytes", 0.12, 0.03, 1e-5),
    "torchao-int8": Kind("torchao", 0.01, 1e-5, 1e-5),
    "torchao dynamic": Kind("torchao", 0.012, 0.08, 1e-5),  # rounds activations, token by token
    "quanto-int8": Kind("optimum.quanto", 0.01, 1e-5, 1e-5),
}


class Both(NamedTuple):
    """A quantised model beside the one it was made of."""

    kind: Kind
    model: LanguageModel
    plain: LanguageModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest, folder: Path) -> Iterator[Both]:
    kind = KINDS[request.param]
    imported(kind.library)
    yield Both(kind, quantised(folder, request.param), load_model(folder, options=LoadOptions(device="cpu")))


def imported(library: str) -> None:
    """Skip where a library is missing; what it deprecates in torch while it is imported is not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(library)


def saved(name: str, folder: Path, **sizes: int) -> Path:
    tiny_module(name, **SIZES, **sizes).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def quantised(folder: Path, kind: str) -> LanguageModel:
    if kind != "torchao dynamic":
        return load_model(folder, options=LoadOptions(device="cpu", quantize=kind))
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig
    from transformers import TorchAoConfig

    config = TorchAoConfig(Int8DynamicActivationInt8WeightConfig())
    module = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=config, device_map="cpu"
    )
    return wrap_model(module, tiny_tokenizer(), name="dynamic")


@torch.no_grad()
def logits(model: LanguageModel) -> Tensor:
    return model.module(TOKENS).logits


def off(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_the_weights_are_really_quantised(both: Both) -> None:
    site = both.model.module.get_submodule(both.model.layout.sites[0].path)
    assert type(site) is not nn.Linear or type(site.weight) is not nn.Parameter
    assert both.model.layout == both.plain.layout
    assert both.model.identity.config_sha256 == both.plain.identity.config_sha256
    assert both.model.identity.weights_sha256 is None


def test_columns_are_those_of_the_float_model_to_quantisation(both: Both) -> None:
    ids = torch.arange(both.model.layout.size)
    assert 1e-4 < off(output_columns(both.model, ids), output_columns(both.plain, ids)) < both.kind.weights


def test_reading_is_reading_the_input_of_the_projection(both: Both) -> None:
    together = read_last_token(both.model, PROMPTS).neurons
    alone = torch.cat([read_last_token(both.model, [prompt]).neurons for prompt in PROMPTS])
    assert off(together, alone) < both.kind.batches
    assert off(together, read_last_token(both.plain, PROMPTS).neurons) < 0.5


@pytest.mark.parametrize("multiplier", [0.0, 2.0, 1.7])
def test_the_effect_of_a_scaled_neuron_is_its_column_times_its_activation(
    both: Both, multiplier: float
) -> None:
    model, layer = both.model, 1
    position = [site.layer for site in model.layout.sites].index(layer)
    ids = torch.arange(5, 40, 3) + model.layout.offsets[position]
    module = model.module.get_submodule(model.layout.sites[position].path)
    outputs: list[Tensor] = []
    remove = module.register_forward_hook(lambda module, inputs, output: outputs.append(output[0, -1])).remove
    logits(model)
    with scaled_neurons(model, ids, torch.full((len(ids),), multiplier)):
        logits(model)
    remove()
    before = read_last_token(model, TOKENS.tolist()).neurons[0, ids]
    expected = (multiplier - 1) * before @ output_columns(model, ids)
    assert off(outputs[1] - outputs[0], expected) < both.kind.effect


def test_an_ablated_neuron_has_no_say_at_all(both: Both) -> None:
    """Zero is zero after any rounding: what the neuron's value was makes no difference, to the last bit."""
    site = both.model.module.get_submodule(both.model.layout.sites[0].path)
    values = torch.randn(3, 128, generator=torch.Generator().manual_seed(0))
    other = values.clone()
    other[:, 4:9] *= -30
    ids = torch.arange(4, 9)
    with torch.no_grad(), scaled_neurons(both.model, ids, torch.zeros(5)):
        assert torch.equal(site(values), site(other))


def test_a_multiplier_of_one_changes_no_bit_and_none_stays_changed(both: Both) -> None:
    ids = torch.arange(0, both.model.layout.size, 3)
    before = logits(both.model)
    with scaled_neurons(both.model, ids, torch.ones(len(ids))):
        assert torch.equal(logits(both.model), before)
    with (
        pytest.raises(KeyboardInterrupt),
        scaled_neurons(both.model, ids, torch.zeros(len(ids))),
    ):
        assert float((logits(both.model) - before).abs().max()) > 0.1
        raise KeyboardInterrupt
    assert torch.equal(logits(both.model), before)


def test_a_circuit_is_found_saved_with_a_fingerprint_and_taken_to_the_float_model(
    both: Both, tmp_path: Path
) -> None:
    statistics = collect(both.model, tiny_contrast(), Reading(batch_size=4))
    scores = rank(statistics, "readout", both.model)
    assert scores.value.isfinite().all()
    select(scores, 12).save(tmp_path, model=both.model)

    circuit = Circuit.load(tmp_path, both.plain)

    assert len(circuit) == 12
    fingerprint = load_fingerprint(tmp_path)
    assert fingerprint is not None and fingerprint.texture.quantized


def test_the_ranking_is_that_of_the_float_model_nearly(both: Both) -> None:
    reading = Reading(batch_size=4, needs=frozenset())
    found, expected = (
        set(rank(collect(model, tiny_contrast(), reading), "delta", model).value.topk(20).indices.tolist())
        for model in (both.model, both.plain)
    )
    assert len(found & expected) >= 14


@pytest.mark.parametrize("kind", ["bnb-8bit", "bnb-4bit", "torchao-int8", "quanto-int8"])
def test_experts_stay_float_and_are_scaled_exactly(kind: str, tmp_path: Path) -> None:
    imported(KINDS[kind].library)
    model = quantised(saved("qwen3_moe", tmp_path, moe_intermediate_size=64), kind)
    ids = torch.arange(0, model.layout.size, 7)
    before = logits(model)
    with scaled_neurons(model, ids, torch.zeros(len(ids))):
        assert float((logits(model) - before).abs().max()) > 0.1
    assert torch.equal(logits(model), before)


def test_experts_of_a_quantised_tensor_type_are_refused() -> None:
    """The subclass says that it is a float; only its type tells."""

    class Packed(Tensor):
        pass

    module = tiny_module("qwen3_moe")
    container = module.model.layers[1].mlp.experts
    container.down_proj = nn.Parameter(container.down_proj.detach().as_subclass(Packed), requires_grad=False)
    with pytest.raises(UnsupportedModel, match=r"(?s)quantised.*dequantize=True"):
        wrapped(module)


def test_experts_of_fp8_are_refused() -> None:
    container = tiny_module("qwen3_moe").model.layers[1].mlp.experts
    container.down_proj = nn.Parameter(container.down_proj.detach().to(torch.float8_e4m3fn), False)
    with pytest.raises(UnsupportedModel, match=r"(?s)float8_e4m3fn.*dequantize=True"):
        experts_of(container)


def test_what_cannot_be_quantised_is_refused(folder: Path) -> None:
    with pytest.raises(BadOption, match="bnb-8bit, bnb-4bit, torchao-int8, quanto-int8"):
        load_model(folder, options=LoadOptions(device="cpu", quantize="int3"))
