"""A checkpoint read layer by layer gives what the loaded model gives, whatever happens on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from architectures import ARCHITECTURES
from neuroswitch.circuits.files import load as load_circuit
from neuroswitch.cli.app import app
from neuroswitch.discovery.collect import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.discovery.statistics import Moments, NeuronStatistics
from neuroswitch.discovery.streaming import collect_streamed, rank_streamed, streamable
from neuroswitch.errors import BadRun, NeuroswitchError, Prerequisite, UnsupportedModel
from neuroswitch.models.loading import LoadOptions, load
from neuroswitch.models.reading import read_last_token
from neuroswitch.models.replay import Handed
from neuroswitch.models.streamed import LayerRead, Stream, open_streamed, streaming
from neuroswitch.models.weights import Weights
from sets import tiny_contrast, write_contrast
from tiny import tiny_module, tiny_tokenizer

READING = Reading(needs=frozenset({"next_token"}), batch_size=5)
PLAIN = Reading(needs=frozenset(), batch_size=5)
FAMILIES = {
    "llama": {"tie_word_embeddings": True},
    "qwen3": {},
    "gemma3_text": {},
    "gpt2": {},
    "mixtral": {"num_hidden_layers": 2},
}
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


@pytest.mark.parametrize("name", FAMILIES)
def test_statistics_and_circuits_are_those_of_the_loaded_model(name: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model", name, **FAMILIES[name])
    source = open_streamed(checkpoint)
    found = collect_streamed(source, tiny_contrast(), READING, tmp_path / "stream")
    assert set(source.weights.reads) == set(source.weights.checkpoint.tensors)
    assert set(source.weights.reads.values()) == {1}
    assert all(parameter.is_meta for parameter in source.model.module.parameters())

    model = load(checkpoint)
    expected = collect(model, tiny_contrast(), READING)
    for ours, theirs in ((found.positive, expected.positive), (found.negative, expected.negative)):
        assert_same(ours.neurons, theirs.neurons)
        assert_same(ours.normed, theirs.normed)
        assert_same(ours.next_token, theirs.next_token)
    assert found.universal.equal(expected.universal)
    assert found.model == expected.model
    assert found.read == expected.read
    for ranking in streamable():
        ours, theirs = rank_streamed(found, ranking, source), rank(expected, ranking, model)
        torch.testing.assert_close(ours.value, theirs.value, rtol=1e-3, atol=1e-6)
        assert select(ours, 9).ids.tolist() == select(theirs, 9).ids.tolist()


def test_the_head_is_read_only_if_it_is_asked_for(tmp_path: Path) -> None:
    source = open_streamed(saved(tmp_path / "model"))
    collect_streamed(source, tiny_contrast(), PLAIN, tmp_path / "stream")
    assert set(source.weights.checkpoint.tensors) - set(source.weights.reads) == {"lm_head.weight"}


def test_experts_that_are_stored_one_by_one_are_put_together(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model", "mixtral")
    names = open_streamed(checkpoint).weights.checkpoint.tensors
    assert sum("layers.1." in name and ".experts." in name for name in names) == 12
    index = json.loads((checkpoint / "model.safetensors.index.json").read_text())
    lost = next(name for name in index["weight_map"] if "layers.1." in name and ".experts.3." in name)
    without(checkpoint, lost)
    with pytest.raises(UnsupportedModel, match="experts"):
        streamed(checkpoint, tmp_path / "stream")


class Stopped(Exception):
    """Stands for a power cut."""


@pytest.mark.parametrize("reading", [PLAIN, READING])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_stream_that_is_stopped_goes_on_and_ends_with_the_same_bytes(
    layer: int, reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = saved(tmp_path / "model", tie_word_embeddings=True)
    whole = streamed(checkpoint, tmp_path / "whole", reading)
    with monkeypatch.context() as patch:
        run, calls = Stream.run, []

        def stop(self: Stream, index: int, *arguments: Any) -> LayerRead:
            calls.append(index)
            if index == layer and calls.count(index) == 3:
                raise Stopped
            return run(self, index, *arguments)

        patch.setattr(Stream, "run", stop)
        with pytest.raises(Stopped):
            streamed(checkpoint, tmp_path / "stopped", reading)
    source = open_streamed(checkpoint)
    again = collect_streamed(source, tiny_contrast(), reading, tmp_path / "stopped")
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")
    assert again.delta.equal(whole.delta)
    assert again.model == whole.model
    finished = tuple(f"model.layers.{done}." for done in range(layer))
    assert not [name for name in source.weights.reads if name.startswith(finished)]
    assert set(source.weights.reads.values()) == {1}


def test_a_stream_that_is_stopped_behind_its_last_layer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = saved(tmp_path / "model")
    streamed(checkpoint, tmp_path / "whole", READING)
    with monkeypatch.context() as patch:
        patch.setattr("neuroswitch.discovery.streaming.next_token_probabilities", None)
        with pytest.raises(TypeError):
            streamed(checkpoint, tmp_path / "stopped", READING)
    streamed(checkpoint, tmp_path / "stopped", READING)
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
from neuroswitch.models.streamed import Stream
from test_streaming import READING, streamed

run = Stream.run
def killed(self, index, *arguments):
    if index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return run(self, index, *arguments)

Stream.run = killed
streamed(Path(sys.argv[1]), Path(sys.argv[2]), READING)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_what_another_one_goes_on_with(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    streamed(checkpoint, tmp_path / "whole", READING)
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", KILLED, str(checkpoint), str(tmp_path / "killed")]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert json.loads((tmp_path / "killed" / "progress.json").read_text())["layers"] == 2
    streamed(checkpoint, tmp_path / "killed", READING)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_finished_stream_reads_nothing(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    first = streamed(checkpoint, tmp_path / "stream")
    source = open_streamed(checkpoint)
    again = collect_streamed(source, tiny_contrast(), PLAIN, tmp_path / "stream")
    assert again.delta.equal(first.delta)
    assert source.weights.reads == {}


def test_hidden_states_may_be_on_disk_only(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    one = streamed(checkpoint, tmp_path / "memory")
    other = streamed(checkpoint, tmp_path / "disk", memory=0)
    assert one.delta.equal(other.delta)
    assert content(tmp_path / "memory") == content(tmp_path / "disk")


def test_batches_are_halved_where_memory_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = saved(tmp_path / "model")
    expected = streamed(checkpoint, tmp_path / "whole")
    run = Stream._run

    def small(self: Stream, model: Any, index: int, batch: torch.Tensor, *rest: Any) -> LayerRead:
        if index and len(batch) > 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return run(self, model, index, batch, *rest)

    monkeypatch.setattr(Stream, "_run", small)
    found = streamed(checkpoint, tmp_path / "halves", memory=0)
    assert_same(found.positive.neurons, expected.positive.neurons)
    assert_same(found.negative.normed, expected.negative.normed)
    assert found.universal.equal(expected.universal)


def test_a_layer_that_does_not_fit_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = saved(tmp_path / "model")
    read = Weights.read

    def full(self: Weights, names: Any) -> dict[str, torch.Tensor]:
        if any("layers.2" in name for name in names):
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return read(self, names)

    with monkeypatch.context() as patch:
        patch.setattr(Weights, "read", full)
        with pytest.raises(Prerequisite, match="not enough memory for layer 2"):
            streamed(checkpoint, tmp_path / "stream")
    streamed(checkpoint, tmp_path / "stream")


def test_one_layer_is_in_memory_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen = Stream.run, set()

    def looked(self: Stream, index: int, *arguments: Any) -> LayerRead:
        result = run(self, index, *arguments)
        source = self.streamed
        held = {name for name, value in source.model.module.named_parameters() if not value.is_meta}
        words = set(source.words) if index == 0 else set()
        assert held == {*source.layer(index), "model.norm.weight", *words}
        assert self.coming is None or self.coming[0] == index + 1
        seen.add(index)
        return result

    monkeypatch.setattr(Stream, "run", looked)
    streamed(saved(tmp_path / "model"), tmp_path / "stream")
    assert seen == {0, 1, 2}


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
    with pytest.raises(Prerequisite, match="delta_effect.*next_token"):
        collect_streamed(source, tiny_contrast(), Reading(), tmp_path / "stream")
    statistics = collect_streamed(source, tiny_contrast(), PLAIN, tmp_path / "stream")
    with pytest.raises(Prerequisite, match="'readout'"):
        rank_streamed(statistics, "readout", source)
    with pytest.raises(Prerequisite, match="were not collected"):
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


def layer_by_layer(checkpoint: Path, dtype: str = "float32") -> tuple[torch.Tensor, torch.Tensor]:
    """Return neurons and output of `IDS`, read layer by layer."""
    source = open_streamed(checkpoint, options=LoadOptions(dtype=dtype))
    before: Handed | None = None
    neurons, normed = [], torch.empty(0)
    with streaming(source, head=False) as stream:
        for index in range(source.layers):
            with stream.layer(index):
                read, before = stream.run(index, IDS, before)
            neurons.append(read.neurons)
            normed = read.normed
    return torch.cat(neurons, dim=1), normed


def test_bfloat16_is_read_as_the_loaded_model_has_it(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, "mixtral")
    neurons, normed = layer_by_layer(checkpoint, "bfloat16")
    expected = read_last_token(load(checkpoint, options=LoadOptions(dtype="bfloat16")), IDS)
    assert neurons.equal(expected.neurons)
    assert normed.equal(expected.normed)


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
    torch.testing.assert_close(neurons, read_last_token(load(checkpoint), IDS).neurons)


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_read_exactly_or_refused(name: str, tmp_path: Path) -> None:
    module = tiny_module(name)
    module.save_pretrained(tmp_path, max_shard_size="20KB")
    tiny_tokenizer().save_pretrained(tmp_path)
    try:
        neurons, normed = layer_by_layer(tmp_path)
    except NeuroswitchError:
        assert name in {"xlstm", "zamba", "zamba2", "zamba2/two blocks"}
        return
    expected = read_last_token(load(tmp_path), IDS)
    torch.testing.assert_close(neurons, expected.neurons, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(normed, expected.normed, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["llama", "mixtral"])
def test_the_command_streams_and_is_continued(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, output = saved(tmp_path / "model", name), tmp_path / "out"
    common = [
        "discover",
        "--model",
        str(checkpoint),
        "--behaviour",
        str(write_contrast(tmp_path / "b.jsonl")),
    ]
    common += ["--detector", "contains:(?s).*", "--size", "9"]

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*common, *arguments])

    assert isinstance(call("--stream", "--output", str(tmp_path / "no")).exception, Prerequisite)
    with monkeypatch.context() as patch:
        patch.setattr(Stream, "run", None)
        assert call("--stream", "--ranking", "next_token", "--output", str(output)).exit_code
    streamed_one = call("--stream", "--ranking", "next_token", "--output", str(output))
    assert streamed_one.exit_code == 0, streamed_one.output
    assert call("--ranking", "next_token", "--output", str(tmp_path / "whole")).exit_code == 0
    one, other = load_circuit(output), load_circuit(tmp_path / "whole", load(checkpoint))
    assert one.ids.equal(other.ids)
    fingerprints = [folder / "fingerprint.safetensors" for folder in (output, tmp_path / "whole")]
    one_print, other_print = map(load_file, fingerprints)
    assert one_print.keys() == other_print.keys()
    for name, value in one_print.items():
        torch.testing.assert_close(value, other_print[name])
