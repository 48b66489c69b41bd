"""Attention units: found in every tiny architecture, proven and scaled, or refused for a written reason."""

import pytest
import torch
from torch import nn

from architectures import ARCHITECTURES
from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.errors import BadCircuit, BadOption, UnsupportedModel
from neuroswitch.models.loading import load_model, wrap_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.sites.finding import find_sites
from neuroswitch.sites.layout import NeuronLayout
from neuroswitch.sites.probe import probe
from tiny import tiny_model, tiny_module, tiny_tokenizer
from wrappers import WRAPPERS

REFUSED = {
    "xlstm": "no layer of xLSTMForCausalLM has attention",
    "jetmoe": "the output projection of model.layers.0.self_attention was not found",
}
TOKENS = torch.tensor([[5, 6, 7, 8, 9]])


@torch.no_grad()
def logits(module: nn.Module) -> torch.Tensor:
    return module(input_ids=TOKENS, use_cache=False).logits[0, -1]


@pytest.mark.parametrize("name", [name for name in [*ARCHITECTURES, *WRAPPERS] if name not in REFUSED])
def test_attention_units_of_an_architecture_are_found_and_proven(name: str) -> None:
    module = tiny_module(name)
    found = find_sites(module, units="attention")
    assert found.layout.units == "attention"
    probe(module, found)


@pytest.mark.parametrize(
    "name", ["llama", "gpt2", "bert", "deepseek_v4", "dbrx", "moshi", "qwen3_next", "rwkv", "zamba"]
)
def test_attention_units_are_scaled_and_everything_is_restored(name: str) -> None:
    model = tiny_model(name, units="attention")
    ids = torch.arange(0, model.layout.size, 3)
    before = logits(model.module)
    with scaled_neurons(model, ids, torch.ones(len(ids))):
        assert torch.equal(logits(model.module), before)
    with scaled_neurons(model, ids, torch.zeros(len(ids))):
        assert not torch.equal(logits(model.module), before)
    assert torch.equal(logits(model.module), before)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("units", ["attention", "both"])
def test_a_model_whose_attention_has_no_such_projection_is_refused(name: str, units: str) -> None:
    with pytest.raises(UnsupportedModel) as refused:
        find_sites(tiny_module(name), units=units)
    assert REFUSED[name] in str(refused.value)
    assert "--units mlp" in str(refused.value)


def test_attention_comes_before_the_network_of_its_layer() -> None:
    found = find_sites(tiny_module("llama"), units="both").layout
    assert [site.path.rpartition(".")[2] for site in found.sites] == ["o_proj", "down_proj"] * 3
    assert [site.layer for site in found.sites] == [0, 0, 1, 1, 2, 2]
    assert (found.units, found.words) == ("both", "neurons and attention units")


def test_the_width_is_that_of_all_heads_not_of_the_stream() -> None:
    module = tiny_module("llama", head_dim=24)  # 4 heads of 24 in a stream of 32
    found = find_sites(module, units="attention")
    probe(module, found)
    assert [site.width for site in found.layout.sites] == [96] * 3


@pytest.mark.parametrize(
    ("name", "layers"),
    [("jamba", {1, 3}), ("nemotron_h", {1}), ("recurrent_gemma", {2}), ("zamba2", {1, 3, 5})],
)
def test_layers_without_attention_are_left_out(name: str, layers: set[int]) -> None:
    assert {site.layer for site in find_sites(tiny_module(name), units="attention").layout.sites} == layers


def test_attention_to_an_encoder_is_left_out() -> None:
    paths = find_sites(tiny_module("bart"), units="attention").layout.paths
    assert [path.rpartition("layers.")[2] for path in paths] == [
        "0.self_attn.out_proj",
        "1.self_attn.out_proj",
    ]


def test_linear_attention_is_attention() -> None:
    paths = find_sites(tiny_module("qwen3_next"), units="attention").layout.paths
    assert [path.rpartition("layers.")[2] for path in paths] == [
        *(f"{layer}.linear_attn.out_proj" for layer in range(3)),
        "3.self_attn.o_proj",
    ]


def test_blocks_that_layers_share_are_known_as_shared() -> None:
    layout = find_sites(tiny_module("zamba"), units="attention").layout
    assert [site.tied_to for site in layout.sites] == [None, *[layout.paths[0]] * (len(layout.sites) - 1)]


def test_no_layer_is_left_out_because_its_names_differ() -> None:
    module = tiny_module("llama")
    attention = module.model.layers[1].self_attn
    attention.back = attention.o_proj
    del attention.o_proj
    with pytest.raises(UnsupportedModel, match=r"layers.1.self_attn was not found(.|\n)*back \(32 -> 32\)"):
        find_sites(module, units="attention")


def test_a_projection_that_is_bypassed_is_refused() -> None:
    module = tiny_module("llama")
    for layer in module.model.layers:
        weight = layer.self_attn.o_proj.weight
        layer.self_attn.register_module("shadow", nn.Identity())
        layer.self_attn.o_proj.forward = lambda values, weight=weight: (
            2 * nn.functional.linear(values, weight)
        )
    with pytest.raises(UnsupportedModel, match="is not its weights times its neurons"):
        probe(module, find_sites(module, units="attention"))


def test_neurons_alone_are_written_as_before_and_units_come_back() -> None:
    module = tiny_module("llama")
    plain = find_sites(module).layout.to_json()
    assert plain["sites"][0] == {
        "layer": 0,
        "path": "model.layers.0.mlp.down_proj",
        "kind": "dense",
        "width": 64,
        "experts": 1,
    }
    both = find_sites(module, units="both").layout
    assert both.to_json()["sites"][0]["units"] == "attention"
    assert both.to_json()["sites"][1] == plain["sites"][0]
    assert NeuronLayout.from_json(both.to_json()) == both
    with pytest.raises(BadCircuit):
        NeuronLayout.from_json({"sites": [{**plain["sites"][0], "unit": "attention"}]})


def test_sites_and_units_are_not_given_together() -> None:
    with pytest.raises(BadOption, match="--sites and --units"):
        LoadOptions(sites="model.layers.{layer}.mlp.down_proj", units="attention")
    with pytest.raises(BadOption, match="unknown units 'heads'(.|\n)*mlp, attention, both"):
        LoadOptions(units="heads")


def test_a_module_that_is_loaded_already_takes_units() -> None:
    module, tokenizer = tiny_module("llama"), tiny_tokenizer()
    one = load_model(module, tokenizer, options=LoadOptions(units="both"))
    assert one.layout == wrap_model(module, tokenizer, name="x", units="both").layout
    assert one.layout.units == "both"
