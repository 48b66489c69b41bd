"""Finding sites: by name, by shape, by pattern; everything doubtful is an error with the way out in it."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, Gemma3Config, LlavaConfig

from neuroswitch.errors import UnsupportedModel
from neuroswitch.sites.finding import find_sites
from neuroswitch.sites.layers import decoder_of, find_layers
from neuroswitch.sites.probe import probe
from tiny import tiny_config, tiny_module

DOWN = tuple(f"model.layers.{layer}.mlp.down_proj" for layer in range(3))


def test_a_plain_decoder_has_one_site_a_layer() -> None:
    found = find_sites(tiny_module("llama"))

    assert found.layers_path == "model.layers"
    assert found.layout.paths == DOWN
    assert [(site.layer, site.kind, site.width) for site in found.layout.sites] == [
        (layer, "dense", 64) for layer in range(3)
    ]


def test_a_layer_may_have_no_site_one_or_several() -> None:
    several = find_sites(tiny_module("longcat_flash")).layout
    assert [site.path.removeprefix("model.layers.0.") for site in several.sites if site.layer == 0] == [
        "mlp.experts",
        "mlps.0.down_proj",
        "mlps.1.down_proj",
    ]
    assert {site.layer for site in find_sites(tiny_module("nemotron_h")).layout.sites} == {2, 3, 4}


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3_next", "dbrx", "jetmoe", "llama4_text", "zamba2"])
def test_structure_is_enough_without_any_weights(name: str) -> None:
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(tiny_config(name))

    assert find_sites(empty) == find_sites(tiny_module(name))


@pytest.mark.parametrize("name", ["llama4_text", "modernbert-decoder", "opt", "bert"])
def test_the_decoder_runs_from_tokens_and_has_no_lm_head(name: str) -> None:
    module = tiny_module(name)
    decoder = decoder_of(module, find_layers(module)[0])

    assert module.get_output_embeddings() not in set(decoder.modules())
    assert decoder(input_ids=torch.tensor([[3, 4, 5]]))[0].shape == (1, 3, 32)


@pytest.mark.parametrize(
    "config",
    [
        Gemma3Config(text_config={"num_hidden_layers": 2}, vision_config={"num_hidden_layers": 2}),
        LlavaConfig(
            text_config={"model_type": "llama", "num_hidden_layers": 2},
            vision_config={"model_type": "clip_vision_model", "num_hidden_layers": 2},
        ),
    ],
    ids=["gemma3", "llava"],
)
def test_towers_for_images_have_no_sites(config: Gemma3Config | LlavaConfig) -> None:
    with torch.device("meta"):
        module = AutoModelForImageTextToText.from_config(config)

    found = find_sites(module)

    assert found.layers_path == "model.language_model.layers"
    assert [site.layer for site in found.layout.sites] == [0, 1]


def renamed(name: str, old: str, new: str) -> nn.Module:
    """Return a tiny model in whose layers the module `old` is called `new`."""
    module = tiny_module(name)
    for layer in module.model.layers:
        network = layer.mlp
        setattr(network, new, getattr(network, old))
        network.forward = lambda x, it=network: getattr(it, new)(it.act_fn(it.gate_proj(x)) * it.up_proj(x))
        delattr(network, old)
    return module


def test_a_projection_of_an_unknown_name_is_found_by_its_shape() -> None:
    module = renamed("llama", "down_proj", "linear_out")

    found = find_sites(module)

    assert found.layout.paths == tuple(f"model.layers.{layer}.mlp.linear_out" for layer in range(3))
    probe(module, found)


def test_where_shapes_cannot_tell_the_error_shows_the_option_and_the_option_works() -> None:
    module = renamed("llama", "down_proj", "linear_out")
    module.config.intermediate_size = 63  # as if the configuration did not say it

    with pytest.raises(UnsupportedModel) as refused:
        find_sites(module)

    pattern = "model.layers.{layer}.mlp.linear_out"
    assert f"--sites '{pattern}'" in str(refused.value)
    assert find_sites(module, pattern).layout.paths[0] == "model.layers.0.mlp.linear_out"


def test_a_square_network_of_unknown_names_is_not_guessed() -> None:
    module = tiny_module("llama", intermediate_size=32)
    for layer in module.model.layers:
        layer.mlp.linear_out = layer.mlp.down_proj
        del layer.mlp.down_proj

    with pytest.raises(UnsupportedModel, match="no feed-forward output projection"):
        find_sites(module)


def test_no_layer_is_left_out_because_its_names_differ() -> None:
    module = tiny_module("llama")
    module.model.layers[1].mlp.linear_out = module.model.layers[1].mlp.down_proj
    del module.model.layers[1].mlp.down_proj

    with pytest.raises(UnsupportedModel, match="mlp.linear_out in layer 1") as refused:
        find_sites(module)

    option = str(refused.value).rpartition("--sites '")[2].partition("'")[0]
    assert [site.layer for site in find_sites(module, option).layout.sites] == [0, 1, 2]


def test_several_stacks_are_an_error_that_names_them() -> None:
    module = tiny_module("llama")
    module.model.more = nn.ModuleList([module.model.layers[0]])

    with pytest.raises(UnsupportedModel, match="model.layers, model.more"):
        find_sites(module)
    assert len(find_sites(module, "model.layers.{layer}.mlp.down_proj").layout.sites) == 3


def test_experts_of_an_unknown_layout_are_an_error() -> None:
    module = tiny_module("llama")
    module.model.layers[2].mlp.bank = nn.Module()
    module.model.layers[2].mlp.bank.weights = nn.Parameter(torch.zeros(4, 32, 16))

    with pytest.raises(UnsupportedModel, match="mlp.bank in layer 2 may hold experts"):
        find_sites(module)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("model.layers.{layer}.mlp.missing", "no module"),
        ("model.layers.0.mlp.down_proj", "no module"),
        ("model.layers.{layer}.mlp.act_fn", "does not name output projections"),
        ("model.layers.{layer}.mlp.down_proj,model.{layer}", "no module"),
    ],
)
def test_a_pattern_that_names_no_projection_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(UnsupportedModel, match=said):
        find_sites(tiny_module("llama"), pattern)


def test_a_pattern_may_have_wildcards_and_alternatives() -> None:
    module = tiny_module("longcat_flash")

    found = find_sites(module, "model.layers.{layer}.mlps.*.down_proj, model.layers.{layer}.mlp.experts")

    assert {site.path for site in found.layout.sites} == set(find_sites(module).layout.paths)
    assert [site.layer for site in found.layout.sites] == sorted(site.layer for site in found.layout.sites)


def test_quantised_experts_are_refused() -> None:
    module = tiny_module("mixtral")
    for layer in module.model.layers:
        layer.mlp.experts.down_proj = nn.Parameter(
            layer.mlp.experts.down_proj.to(torch.uint8), requires_grad=False
        )

    with pytest.raises(UnsupportedModel, match="dequantize=True"):
        find_sites(module)


# ------------------------------------------------------------------------------------------ the probe


def bypassed(module: nn.Module) -> None:
    network = module.model.layers[1].mlp
    network.forward = lambda x: nn.functional.linear(network.gate_proj(x), network.down_proj.weight)


def run_twice(module: nn.Module) -> None:
    network = module.model.layers[1].mlp
    once = network.forward
    network.forward = lambda x: once(once(x))


def adapted(module: nn.Module) -> None:
    projection = module.model.layers[1].mlp.down_proj
    once = projection.forward
    projection.forward = lambda x: once(x) + x[..., :32]


def thinned(module: nn.Module) -> None:
    network = module.model.layers[1].mlp
    once = network.forward
    network.forward = lambda x: nn.functional.pad(once(x[:, 1:]), (0, 0, 1, 0))


def looking_ahead(module: nn.Module) -> None:
    layer = module.model.layers[1]
    once = layer.forward
    layer.forward = lambda x, **more: once(x + x.mean(1, keepdim=True), **more)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (bypassed, "does not run once"),
        (run_twice, "does not run once"),
        (adapted, "not its weights times its neurons"),
        (thinned, "not a row of neurons for every token"),
        (looking_ahead, "later"),
    ],
)
def test_the_probe_refuses(spoil: Callable[[nn.Module], None], said: str) -> None:
    module = tiny_module("llama")
    found = find_sites(module)
    probe(module, found)

    spoil(module)

    with pytest.raises(UnsupportedModel, match=said):
        probe(module, found)


def test_the_probe_refuses_experts_that_do_something_else() -> None:
    module = tiny_module("qwen3_moe")
    experts = module.model.layers[1].mlp.experts
    once = experts.forward
    experts.forward = lambda hidden, chosen, weights: once(hidden, chosen, weights * 2)

    with pytest.raises(UnsupportedModel, match="not its weights times its neurons"):
        probe(module, find_sites(module))


def test_the_probe_leaves_nothing_behind() -> None:
    module = tiny_module("qwen3_moe")
    probe(module, find_sites(module))

    assert not any(child._forward_hooks or child._forward_pre_hooks for child in module.modules())


def test_a_bidirectional_model_is_refused() -> None:
    module = tiny_module("bert", is_decoder=False)

    with pytest.raises(UnsupportedModel, match="is_decoder"):
        probe(module, find_sites(module))


def test_layers_that_share_their_weights_are_known_with_and_without_weights() -> None:
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(tiny_config("zamba2/two blocks"))

    for module in (tiny_module("zamba2/two blocks"), empty):
        tied = {site.layer: site.tied_to for site in find_sites(module).layout.sites}
        first = "model.layers.{}.shared_transformer.feed_forward.down_proj"
        assert tied == {1: None, 3: None, 5: first.format(1), 7: first.format(3)}


def test_untied_layers_say_nothing_about_it() -> None:
    layout = find_sites(tiny_module("llama")).layout

    assert not any(site.tied_to for site in layout.sites)
    assert all("tied_to" not in site for site in layout.to_json()["sites"])


def test_the_advice_of_the_error_counts_every_neuron_once() -> None:
    module = tiny_module("llama")
    for layer in module.model.layers:
        layer.second = nn.Module()
        layer.second.out = nn.Linear(64, 32)
    with pytest.raises(UnsupportedModel, match="may be a feed-forward") as error:
        find_sites(module)
    advised = re.search(r"--sites '([^']*)'", str(error.value)).group(1)
    layout = find_sites(module, advised).layout
    assert layout.size == 2 * 3 * 64
    assert len(set(layout.paths)) == 6
