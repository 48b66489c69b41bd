"""Weights on disk: reading, columns, contributions and scaling give the numbers of the model in memory."""

from pathlib import Path

import pytest
import torch
from accelerate import dispatch_model
from torch import Tensor

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.output import output_columns
from neuroswitch.activations.reading import read_last_token
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import RANKINGS, rank
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import placement
from neuroswitch.models.handle import LanguageModel
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from sets import tiny_contrast
from tiny import tiny_module, tiny_tokenizer, wrapped

TOKENS = torch.tensor([[3, 5, 8, 13]])
PROMPTS = [[5, 6, 7, 8, 9], [20, 21], [33, 34, 35]]
# every kind of place: the embedding, a layer and the LM head on disk, the rest in memory
PLACES = {
    "some": {"model.layers.1": "disk", "model.layers.0": "cpu", "model.layers.2": "cpu", "model.norm": "cpu"},
    "all": {"model.layers": "disk", "model.norm": "disk"},
}


def offloaded(name: str, folder: Path, which: str) -> LanguageModel:
    module = tiny_module(name)
    rest = "disk" if which == "all" else "cpu"
    places = {**PLACES[which], "model.embed_tokens": rest, "model.rotary_emb": "cpu", "lm_head": rest}
    module = dispatch_model(module, device_map=places, offload_dir=folder, main_device="cpu")
    return wrapped(module)


@torch.inference_mode()
def logits(model: LanguageModel) -> Tensor:
    return model.module(TOKENS).logits


@pytest.fixture(params=["some", "all"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[LanguageModel, LanguageModel]:
    return offloaded("llama", tmp_path, request.param), wrapped(tiny_module("llama"))


def test_the_weights_are_not_in_memory(pair: tuple[LanguageModel, LanguageModel]) -> None:
    away, _ = pair
    assert any(weight.is_meta for weight in away.module.parameters())


def test_reading_and_columns_are_the_same_to_the_bit(pair: tuple[LanguageModel, LanguageModel]) -> None:
    away, here = pair
    found, expected = (read_last_token(model, PROMPTS) for model in pair)
    assert torch.equal(found.neurons, expected.neurons)
    assert torch.equal(found.normed, expected.normed)
    ids = torch.arange(here.layout.size)
    assert torch.equal(output_columns(away, ids), output_columns(here, ids))


def test_every_ranking_is_the_same(pair: tuple[LanguageModel, LanguageModel]) -> None:
    needs = frozenset().union(*(RANKINGS.get(name).needs for name in RANKINGS.names()))
    statistics = [collect(model, tiny_contrast(), Reading(batch_size=4, needs=needs)) for model in pair]
    for name in RANKINGS.names():
        found, expected = (
            rank(each, name, model).value for each, model in zip(statistics, pair, strict=True)
        )
        torch.testing.assert_close(found, expected, msg=name)


@pytest.mark.parametrize("multiplier", [0.0, 2.0])
def test_scaling_is_the_same_and_leaves_no_trace(
    pair: tuple[LanguageModel, LanguageModel], multiplier: float
) -> None:
    before = logits(pair[0])
    ids = torch.arange(0, pair[0].layout.size, 3)
    steered = []
    for model in pair:
        with scaled_neurons(model, ids, torch.full((len(ids),), multiplier)):
            steered.append(logits(model))
    assert torch.equal(*steered)
    assert float((steered[0] - before).abs().max()) > 0.1
    assert torch.equal(logits(pair[0]), before)


def test_experts_on_disk_are_read_but_not_scaled(tmp_path: Path) -> None:
    away, here = offloaded("qwen3_moe", tmp_path, "some"), wrapped(tiny_module("qwen3_moe"))
    assert torch.equal(read_last_token(away, PROMPTS).neurons, read_last_token(here, PROMPTS).neurons)
    layer = [site.layer for site in away.layout.sites].index(1)
    before = logits(away)
    with (
        pytest.raises(UnsupportedModel, match="offloaded"),
        scaled_neurons(away, torch.tensor([away.layout.offsets[layer]]), torch.zeros(1)),
    ):
        pass
    assert torch.equal(logits(away), before)


def test_split_goes_on_to_the_disk_where_memory_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tiny_module("llama")
    module.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    bytes_ = sum(weight.numel() * 4 for weight in module.parameters())
    monkeypatch.setattr(placement, "usable_memory", lambda: {"cpu": bytes_ // 2})

    model = load_model(tmp_path, options=LoadOptions(device="split"))

    assert "disk" in model.module.hf_device_map.values()
    assert torch.equal(logits(model), logits(wrapped(tiny_module("llama"))))
