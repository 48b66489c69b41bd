"""Fingerprints: equal for one checkpoint, different after any change worth knowing."""

import pytest
import torch
from torch import nn

from neuroswitch.models.fingerprints import config_digest, exact_digest, weights_digest
from tiny import tiny_config, tiny_llama, tiny_module


def test_weights_have_the_same_digest_in_every_type_they_are_exact_in() -> None:
    module = tiny_module("llama").to(torch.bfloat16)
    half = weights_digest(module)

    assert weights_digest(module.float()) == half
    assert weights_digest(module.double()) == half


@pytest.mark.parametrize(
    "name", ["model.layers.1.mlp.down_proj.weight", "model.norm.weight", "lm_head.weight"]
)
def test_training_any_part_changes_the_digest(name: str) -> None:
    module = tiny_module("llama")
    before = weights_digest(module)
    with torch.no_grad():
        module.get_parameter(name).mul_(1.1)

    assert weights_digest(module) != before


def test_names_do_not_matter_but_shapes_do() -> None:
    first, second = nn.ModuleDict({"a": nn.Linear(3, 4)}), nn.ModuleDict({"b": nn.Linear(3, 4)})
    second["b"].load_state_dict(first["a"].state_dict())
    flat = nn.Linear(4, 3)
    with torch.no_grad():
        flat.weight.copy_(first["a"].weight.reshape(3, 4))

    assert weights_digest(first) == weights_digest(second)
    assert weights_digest(nn.ParameterList([first["a"].weight])) != weights_digest(
        nn.ParameterList([flat.weight])
    )


def test_weights_that_cannot_be_compared_have_no_digest() -> None:
    assert weights_digest(tiny_module("llama").to("meta")) is None
    packed = nn.Linear(2, 2)
    packed.weight = nn.Parameter(torch.zeros(2, 2, dtype=torch.uint8), requires_grad=False)
    assert weights_digest(packed) is None


def test_a_configuration_is_known_by_what_it_computes() -> None:
    config = tiny_config("llama")
    before = config_digest(config)
    config._name_or_path, config.dtype, config.use_cache = "elsewhere", torch.float16, False
    assert config_digest(config) == before

    config.hidden_act = "gelu"
    assert config_digest(config) != before


def test_the_exact_digest_sees_every_single_value_and_the_type() -> None:
    module = tiny_llama().module
    before, sampled = exact_digest(module), weights_digest(module)
    assert exact_digest(tiny_llama().module) == before
    weight = module.model.layers[1].mlp.down_proj.weight
    with torch.no_grad():
        weight[3, 5] += 0.001
        changed = exact_digest(module)
        assert changed not in (before, None)
        assert weights_digest(module) == sampled  # a sample does not see it
        weight[[3, 4]] = weight[[4, 3]]
    assert exact_digest(module) not in (before, changed)
    assert exact_digest(tiny_llama().module.to(torch.bfloat16)) != before
    assert exact_digest(tiny_llama().module.to("meta")) is None
