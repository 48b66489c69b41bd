"""Checkpoints in many shards, and what streaming reads of them."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from neuroswitch.checkpoints.replay import LayerOutput
from neuroswitch.checkpoints.streamed import open_streamed, streaming
from neuroswitch.discovery.collection import Reading
from neuroswitch.discovery.statistics import Moments, NeuronStatistics
from neuroswitch.discovery.streaming import collect_streamed
from neuroswitch.models.options import LoadOptions
from sets import tiny_contrast
from tiny import tiny_module, tiny_tokenizer

READING = Reading(needs=frozenset({"next_token", "layers"}), batch_size=5)
PLAIN = Reading(needs=frozenset(), batch_size=5)
IDS = [[1, 5, 9, 20, 30, 31], [1, 7, 8], [1, 40, 41, 42]]


def saved(folder: Path, name: str = "llama", **settings: object) -> Path:
    """Save a tiny checkpoint in many shards."""
    tiny_module(name, **settings).save_pretrained(folder, max_shard_size="20KB")
    tiny_tokenizer().save_pretrained(folder)
    assert len(list(folder.glob("*.safetensors"))) > 2
    return folder


def streamed(checkpoint: Path, folder: Path, reading: Reading = PLAIN, **options: Any) -> NeuronStatistics:
    return collect_streamed(open_streamed(checkpoint), tiny_contrast(), reading, folder, **options)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_same(found: Moments | None, expected: Moments | None) -> None:
    assert found is not None
    assert expected is not None
    assert found.count == expected.count
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.m2, expected.m2, rtol=1e-4, atol=1e-6)


def layer_by_layer(checkpoint: Path, dtype: str = "float32") -> tuple[torch.Tensor, torch.Tensor]:
    """Return neurons and output of `IDS`, read layer by layer."""
    source = open_streamed(checkpoint, options=LoadOptions(dtype=dtype))
    before: LayerOutput | None = None
    neurons, normed = [], torch.empty(0)
    with streaming(source, head=False) as stream:
        for index in range(source.layers):
            with stream.layer(index):
                read, before = stream.run(index, IDS, before)
            neurons.append(read.neurons)
            normed = read.normed
    return torch.cat(neurons, dim=1), normed


def shard(checkpoint: Path, name: str) -> Path:
    index = json.loads((checkpoint / "model.safetensors.index.json").read_text())
    return checkpoint / index["weight_map"][name]


def without(checkpoint: Path, name: str) -> None:
    """Remove a tensor from its shard and from the index."""
    path = shard(checkpoint, name)
    save_file({key: value for key, value in load_file(path).items() if key != name}, path)
    index = checkpoint / "model.safetensors.index.json"
    said = json.loads(index.read_text())
    del said["weight_map"][name]
    index.write_text(json.dumps(said))
