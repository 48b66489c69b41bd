"""What `verify` says of checkpoints that something was done to."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save as dump_tensors
from steered import circuit_of, spread_circuit
from torch import nn

from neuroswitch.activations.reading import read_neurons
from neuroswitch.activations.sketches import DIRECTIONS, directions, precision_of, sketch_neurons
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.circuits.files import load_fingerprint
from neuroswitch.circuits.fingerprint import parse, take_fingerprint
from neuroswitch.circuits.random import random_circuit
from neuroswitch.circuits.verify import remeasure, verify
from neuroswitch.discovery import find_circuit
from neuroswitch.errors import BadCircuit, BadOption, Prerequisite, WrongModel
from neuroswitch.prompts import ContrastSet, Piles, Prompt
from sets import tiny_contrast
from tiny import tiny_llama, tiny_model, wrapped

SIZES = {"hidden_size": 64, "intermediate_size": 160, "head_dim": 16}


@pytest.fixture(scope="module")
def model():
    return tiny_llama(**SIZES)


@pytest.fixture
def folder(model, tmp_path):
    return spread_circuit(model, 12).save(tmp_path / "circuit", model=model)


def edited(model, change):
    """Return a copy of a model in which `change` was done to the weights of every feed-forward network."""
    module = copy.deepcopy(model.module)
    with torch.no_grad():
        for layer in module.model.layers:
            change(layer.mlp)
    return replace(model, module=module)


def each_weight(operate):
    def change(mlp):
        for projection in (mlp.gate_proj, mlp.up_proj, mlp.down_proj):
            projection.weight.copy_(operate(projection.weight))

    return change


def baked(model, circuit, factor, *, side="down_proj"):
    module = copy.deepcopy(model.module)
    with torch.no_grad():
        for path, local in circuit.layout.by_site(circuit.ids).items():
            mlp = module.get_submodule(path.rpartition(".")[0])
            weight = getattr(mlp, side).weight
            (weight.T if side == "down_proj" else weight)[local] *= factor
    return replace(model, module=module)


def noise(scale):
    generator = torch.Generator().manual_seed(5)
    return lambda weight: weight + scale * weight.std() * torch.randn(weight.shape, generator=generator)


def low_rank(rank):
    generator = torch.Generator().manual_seed(6)

    def operate(weight):
        left, right = (torch.randn(size, rank, generator=generator) for size in weight.shape)
        return weight + 0.05 * weight.std() * left @ right.T

    return operate


def rounded(bits, group=32):
    """Quantise symmetrically in groups of neighbouring inputs, as most quantisers do."""

    def operate(weight):
        groups = weight.view(len(weight), -1, group)
        step = groups.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
        return ((groups / step).round() * step).view_as(weight)

    return operate


def states(found):
    return {check.state for check in found.neurons}


def test_the_model_itself_is_intact(model, folder):
    found = verify(folder, model)
    assert found.intact
    assert found.cause == "none"
    assert found.lines()[0] == "The circuit is intact."
    assert all(check.factor == 1.0 and check.change == 0.0 for check in found.neurons)
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("side", ["down_proj", "up_proj"])
@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0, -1.7])
def test_a_circuit_baked_out_or_scaled_is_found_with_its_factor(model, folder, factor, side):
    found = verify(folder, baked(model, spread_circuit(model, 12), factor, side=side))
    assert not found.intact
    assert found.cause == "edited"
    assert states(found) == {"zeroed" if factor == 0 else "scaled"}
    assert [check.factor for check in found.neurons] == pytest.approx([factor] * 12, abs=1e-4)


def test_only_the_neurons_that_were_touched_are_named(model, folder):
    circuit = spread_circuit(model, 12)
    some = circuit.strongest(4)
    found = verify(folder, baked(model, some, 0.0))
    zeroed = {model.layout.flat(check.neuron) for check in found.neurons if check.state == "zeroed"}
    assert zeroed == set(some.ids.tolist())
    assert found.counts == {"intact": 8, "zeroed": 4}


@pytest.mark.parametrize("scale", [0.01, 0.3])
def test_further_training_is_found(model, folder, scale):
    found = verify(folder, edited(model, each_weight(noise(scale))))
    assert (states(found), found.cause) == ({"changed"}, "retrained")
    changes = [check.change for check in found.neurons]
    assert sum(changes) / len(changes) == pytest.approx(scale, rel=0.5)


@pytest.mark.parametrize("rank", [1, 4, 16])
def test_a_merged_adapter_is_found_with_its_rank(model, folder, rank):
    found = verify(folder, edited(model, each_weight(low_rank(rank))))
    assert found.cause == "merged adapter"
    assert found.lora_rank == pytest.approx(rank, abs=2)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantization_is_found(model, folder, bits):
    found = verify(folder, edited(model, each_weight(rounded(bits))))
    assert found.cause == "quantized"
    assert states(found) == {"changed"}


def test_quantized_modules_are_found_by_what_they_answer(model, folder):
    class Packed(nn.Module):
        """A quantised projection as libraries make them: no weight to look at."""

        def __init__(self, projection):
            super().__init__()
            self.in_features, self.out_features = projection.in_features, projection.out_features
            self.inner = [nn.Linear(self.in_features, self.out_features, bias=False)]
            self.inner[0].weight.data = rounded(8)(projection.weight.data)

        def forward(self, values):
            return self.inner[0](values)

    def pack(mlp):
        for name in ("gate_proj", "up_proj", "down_proj"):
            setattr(mlp, name, Packed(getattr(mlp, name)))

    found = verify(folder, edited(model, pack))
    assert found.cause == "quantized"
    assert max(check.change for check in found.neurons) < 0.05


def test_a_quantized_model_that_was_edited_is_not_called_quantized_again(model, tmp_path):
    coarse = edited(model, each_weight(rounded(4)))
    circuit = spread_circuit(coarse, 12)
    folder = circuit.save(tmp_path / "circuit", model=coarse)
    assert verify(folder, coarse).cause == "none"
    assert verify(folder, baked(coarse, circuit, 0.0)).cause == "edited"
    assert verify(folder, edited(coarse, each_weight(noise(0.05)))).cause == "retrained"
    assert verify(folder, edited(coarse, each_weight(rounded(3)))).cause == "quantized"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_same_weights_in_half_precision_are_intact(model, folder, dtype):
    half = replace(model, module=copy.deepcopy(model.module).to(dtype))
    assert verify(folder, half).intact
    assert not verify(folder, baked(half, spread_circuit(model, 12), 0.5)).intact


@pytest.mark.parametrize("architecture", ["gpt2", "phi3", "opt", "mixtral", "gpt_oss"])
def test_every_kind_of_layer_has_a_fingerprint(architecture, tmp_path):
    model = tiny_model(architecture)
    circuit = spread_circuit(model)
    folder = circuit.save(tmp_path / "circuit", model=model)
    assert verify(folder, model).intact
    other = wrapped(copy.deepcopy(model.module))
    with torch.no_grad():
        for name, parameter in other.module.named_parameters():
            if any(part in name for part in ("c_proj", "down_proj", "fc2")) and "bias" not in name:
                parameter.mul_(3.0)
    found = verify(folder, other)
    assert {check.state for check in found.neurons} == {"scaled"}
    assert [check.factor for check in found.neurons] == pytest.approx([3.0] * len(circuit), rel=1e-3)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "phi3", "opt", "mixtral"])
def test_a_change_of_what_a_neuron_reads_is_found(architecture, tmp_path):
    model = tiny_model(architecture)
    folder = spread_circuit(model).save(tmp_path / "circuit", model=model)
    other = wrapped(copy.deepcopy(model.module))
    with torch.no_grad():
        for name, parameter in other.module.named_parameters():
            if (
                any(part in name for part in ("c_fc", "gate_up_proj", "up_proj", "fc1"))
                and "bias" not in name
            ):
                parameter.copy_(noise(0.1)(parameter))
    assert states(verify(folder, other)) == {"changed"}


def test_what_is_missing_is_said(model, folder, tmp_path):
    bare = spread_circuit(model).save(tmp_path / "bare")
    assert load_fingerprint(bare) is None
    with pytest.raises(Prerequisite, match="no fingerprint"):
        verify(bare, model)
    with pytest.raises(WrongModel, match="480 neurons(.|\n)*192"):
        verify(circuit_of(tiny_llama(), [3]).save(tmp_path / "small", model=tiny_llama()), model)
    (folder / "fingerprint.safetensors").unlink()
    with pytest.raises(BadCircuit):
        verify(folder, model)


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": torch.tensor([4, 4])},
        {"ids": torch.tensor([4, 10_000])},
        {"ids": torch.tensor([4.0, 5.0])},
        {"written": torch.zeros(2, 3)},
        {"more": torch.zeros(2)},
    ],
)
def test_a_malformed_fingerprint_is_refused(changes):
    tensors = {"ids": torch.tensor([4, 5]), "written": torch.zeros(2, DIRECTIONS)}
    tensors |= {"read": torch.zeros(2, 2, DIRECTIONS), **changes}
    for metadata in ({"texture": '["float32", false]'}, {"texture": "["}, {}):
        with pytest.raises(BadCircuit, match="fingerprint"):
            parse(dump_tensors(tensors, metadata=metadata), neurons=192)
    with pytest.raises(BadCircuit, match="fingerprint"):
        parse(b"\x00" * 40, neurons=192)


def test_a_fingerprint_comes_back_equal(model, folder):
    saved, taken = load_fingerprint(folder), take_fingerprint(spread_circuit(model, 12), model)
    assert torch.equal(saved.ids, taken.ids)
    assert torch.equal(saved.written, taken.written)
    assert torch.equal(saved.read, taken.read)
    assert saved.texture == taken.texture
    assert 2 * len(spread_circuit(model, 12)) < len(taken.ids)


def test_sketches_are_linear_and_keep_lengths(model):
    ids = torch.arange(100)
    found = sketch_neurons(model, ids)
    weight = model.module.model.layers[0].mlp.down_proj.weight.detach()[:, :100].T
    assert torch.allclose(found.written, weight @ directions(64).T, atol=1e-6)
    ratio = found.written.norm(dim=1) / weight.norm(dim=1)
    assert float((ratio - 1).square().mean().sqrt()) < 1.5 / (2 * DIRECTIONS) ** 0.5


def test_texture_tells_types_and_grids(model):
    path = model.layout.paths[0]
    assert precision_of(model, path) == ("float32", False)
    half = edited(model, each_weight(lambda weight: weight.bfloat16().float()))
    assert precision_of(half, path) == ("bfloat16", False)
    assert precision_of(edited(model, each_weight(rounded(8))), path).quantized
    assert precision_of(edited(model, each_weight(rounded(4))), path).quantized


def test_statistics_are_measured_again_on_the_circuits_own_prompts(model):
    piles = Piles((Prompt.of("tell me a story ."),), (Prompt.of("the red house"), Prompt.of("one two three")))
    contrast = ContrastSet("test", piles, piles, piles)
    circuit = spread_circuit(model, 12)

    def mean(prompts):
        rows = [read_neurons(model, [encode(model.tokenizer, prompt)])[0, circuit.ids] for prompt in prompts]
        return torch.stack(rows).mean(0)

    known = replace(circuit, positive_mean=mean(piles.positive), negative_mean=mean(piles.negative))
    same = remeasure(known, model, contrast, ChatFormat())
    assert same.slope == pytest.approx(1.0, abs=1e-4)
    assert same.correlation == pytest.approx(1.0, abs=1e-4)
    assert same.prompts == 3
    halved = remeasure(known, baked(model, circuit, 0.5, side="up_proj"), contrast, ChatFormat())
    assert halved.slope < 0.8
    with pytest.raises(BadOption, match="no mean activations"):
        remeasure(random_circuit(circuit, seed=0), model, contrast, ChatFormat())


@pytest.mark.parametrize("quantized", [False, True])
def test_an_unrelated_model_of_the_same_shape_is_another_model(folder, quantized):
    other = tiny_llama(seed=7, **SIZES)
    found = verify(folder, edited(other, each_weight(rounded(4))) if quantized else other)
    assert (found.intact, found.cause, found.lora_rank) == (False, "another model", None)
    assert "this is another model" in "\n".join(found.lines())


def test_its_prompts_are_read_as_when_it_was_found(model, tmp_path):
    brief = ChatFormat(system="say one word")
    circuit = find_circuit(model, tiny_contrast(), ranking="delta", size=9, chat=brief)
    folder = circuit.save(tmp_path / "circuit", model=model)
    found = verify(folder, model, contrast=tiny_contrast())
    assert found.response.slope == pytest.approx(1.0, abs=1e-3)
    assert found.notes == ()
    otherwise = verify(folder, model, contrast=tiny_contrast(), chat=ChatFormat())
    assert "is used without a system prompt" in "\n".join(otherwise.lines())
