"""What cannot be streamed, or breaks while it is, is an error that says what to do; nothing is silently wrong."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from neuroswitch.activations.reading import read_last_token
from neuroswitch.checkpoints.streamed import open_streamed
from neuroswitch.discovery.collection import Reading
from neuroswitch.discovery.streaming import collect_streamed, rank_streamed
from neuroswitch.errors import BadOption, BadRun, Prerequisite, UnsupportedModel
from neuroswitch.models.loading import load_model
from sets import tiny_contrast
from streams import IDS, PLAIN, layer_by_layer, saved, shard, streamed, without


def test_a_missing_or_truncated_shard_is_named_before_anything_is_read(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    last = shard(checkpoint, "model.layers.2.mlp.down_proj.weight")
    kept = last.read_bytes()
    last.write_bytes(kept[:-40])
    with pytest.raises(Prerequisite, match=last.name):
        open_streamed(checkpoint)
    last.unlink()
    with pytest.raises(Prerequisite, match=last.name):
        open_streamed(checkpoint)
    last.write_bytes(kept)
    open_streamed(checkpoint)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_missing_tensor_is_named_before_anything_is_read(indexed: bool, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    name = "model.layers.2.mlp.down_proj.weight"
    index = (checkpoint / "model.safetensors.index.json").read_text()
    without(checkpoint, name)
    if indexed:
        (checkpoint / "model.safetensors.index.json").write_text(index)
    with pytest.raises(Prerequisite, match=name):
        open_streamed(checkpoint)


def test_a_shard_that_breaks_off_while_it_is_read_can_be_replaced(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    expected = streamed(checkpoint, tmp_path / "whole")
    last = shard(checkpoint, "model.layers.1.mlp.down_proj.weight")
    kept, source = last.read_bytes(), open_streamed(checkpoint)
    last.write_bytes(kept[:100])
    with pytest.raises(Prerequisite, match=last.name):
        collect_streamed(source, tiny_contrast(), PLAIN, tmp_path / "stream")
    assert json.loads((tmp_path / "stream" / "progress.json").read_text())["layers"] == 1
    last.write_bytes(kept)
    assert streamed(checkpoint, tmp_path / "stream").delta.equal(expected.delta)


def test_another_stream_or_another_checkpoint_is_not_continued(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    streamed(checkpoint, tmp_path / "stream")
    with pytest.raises(BadRun, match="other settings"):
        streamed(checkpoint, tmp_path / "stream", replace(PLAIN, batch_size=4))
    progress = tmp_path / "stream" / "progress.json"
    said = json.loads(progress.read_text())
    progress.write_text(json.dumps({**said, "layers": 2}))
    shutil.rmtree(tmp_path / "stream" / "hidden-00001", ignore_errors=True)
    with pytest.raises(BadRun, match="missing or damaged"):
        streamed(checkpoint, tmp_path / "stream")
    other = saved(tmp_path / "other", seed=1)
    with pytest.raises(BadRun, match="checkpoint has changed"):
        streamed(other, tmp_path / "stream")


def test_what_needs_answers_is_refused_with_the_rankings_that_do_not(tmp_path: Path) -> None:
    source = open_streamed(saved(tmp_path / "model"))
    with pytest.raises(BadOption, match="delta_effect.*next_token"):
        collect_streamed(source, tiny_contrast(), Reading(), tmp_path / "stream")
    statistics = collect_streamed(source, tiny_contrast(), PLAIN, tmp_path / "stream")
    with pytest.raises(BadOption, match="'readout'"):
        rank_streamed(statistics, "readout", source)
    with pytest.raises(BadOption, match="were not collected"):
        rank_streamed(statistics, "next_token", source)


@pytest.mark.parametrize(
    ("name", "said"),
    [("zamba2", "share weights"), ("xlstm", "more than tensors"), ("quantised", "quantised")],
)
def test_what_cannot_be_streamed_is_refused(name: str, said: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model", "llama" if name == "quantised" else name)
    if name == "quantised":
        path = checkpoint / "config.json"
        settings = {"quant_method": "compressed-tensors"}
        path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": settings}))
    with pytest.raises(UnsupportedModel, match=said):
        streamed(checkpoint, tmp_path / "stream")


@pytest.mark.parametrize("shared", ["embeddings", "layers"])
def test_layers_that_share_more_than_hidden_states_are_noticed(
    shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.modeling_outputs import BaseModelOutputWithPast
    from transformers.models.llama.modeling_llama import LlamaModel

    def forward(self: Any, input_ids: torch.Tensor, use_cache: bool = False) -> BaseModelOutputWithPast:
        hidden = self.embed_tokens(input_ids)
        positions = torch.arange(input_ids.shape[1])[None]
        rotary = self.rotary_emb(hidden, position_ids=positions)
        added = [hidden]
        for layer in self.layers:
            kept = added[0] if shared == "embeddings" else sum(added)
            hidden = layer(hidden + 0.1 * kept, position_embeddings=rotary)
            added.append(hidden)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden))

    checkpoint = saved(tmp_path / "model")
    monkeypatch.setattr(LlamaModel, "forward", forward)
    if shared == "layers":
        with pytest.raises(UnsupportedModel, match="needs more than"):
            layer_by_layer(checkpoint)
        return
    neurons, _ = layer_by_layer(checkpoint)
    monkeypatch.setattr("neuroswitch.models.loading.probe", lambda module, found: None)
    torch.testing.assert_close(neurons, read_last_token(load_model(checkpoint), IDS).neurons)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: [told],
        lambda told: {**told, "layers": -1},
        lambda told: {**told, "layers": 9},
        lambda told: {**told, "layers": "many"},
        lambda told: {**told, "batches": told["batches"][1:]},
        lambda told: {**told, "batches": [{"pile": "positive", "rows": [999]}]},
        lambda told: {name: value for name, value in told.items() if name != "settings"},
        lambda told: {**told, "more": 1},
    ],
)
def test_a_damaged_record_of_a_stream_is_named(change: Any, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    streamed(checkpoint, tmp_path / "stream")
    progress = tmp_path / "stream" / "progress.json"
    progress.write_text(json.dumps(change(json.loads(progress.read_text()))))
    with pytest.raises(BadRun, match=r"damaged(.|\n)*do:"):
        streamed(checkpoint, tmp_path / "stream")
    progress.write_text("[" * 100_000)
    with pytest.raises(BadRun, match="progress.json"):
        streamed(checkpoint, tmp_path / "stream")


def test_statistics_of_something_else_are_not_read(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    streamed(checkpoint, tmp_path / "stream")
    shutil.copy(
        tmp_path / "stream" / "end.safetensors", tmp_path / "stream" / "statistics" / "00001.safetensors"
    )
    with pytest.raises(BadRun, match="00001.safetensors is missing or damaged"):
        streamed(checkpoint, tmp_path / "stream")


def test_a_folder_of_something_else_is_no_stream(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    with pytest.raises(BadRun, match="holds something else"):
        streamed(checkpoint, checkpoint)
