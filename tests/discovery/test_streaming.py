"""A checkpoint read layer by layer gives what the loaded model gives, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from architectures import ARCHITECTURES
from command_line import Result, invoke
from launch import SOURCES
from neuroswitch.activations.reading import read_last_token
from neuroswitch.checkpoints.streamed import LayerRead, Stream, open_streamed
from neuroswitch.checkpoints.weights import Weights
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.discovery.streaming import collect_streamed, rank_streamed, streamable
from neuroswitch.errors import BadOption, NeuroswitchError, Prerequisite, UnsupportedModel
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from sets import tiny_contrast, write_contrast
from streams import IDS, PLAIN, READING, assert_same, content, layer_by_layer, saved, streamed, without
from tiny import tiny_module, tiny_tokenizer
from wrappers import WRAPPERS

FAMILIES = {
    "llama": {"tie_word_embeddings": True},
    "qwen3": {},
    "gemma3_text": {},
    "gpt2": {},
    "mixtral": {"num_hidden_layers": 2},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_statistics_and_circuits_are_those_of_the_loaded_model(name: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model", name, **FAMILIES[name])
    source = open_streamed(checkpoint)
    found = collect_streamed(source, tiny_contrast(), READING, tmp_path / "stream")
    assert set(source.weights.reads) == set(source.weights.checkpoint.tensors)
    assert set(source.weights.reads.values()) == {1}
    assert all(parameter.is_meta for parameter in source.model.module.parameters())

    model = load_model(checkpoint)
    expected = collect(model, tiny_contrast(), READING)
    for ours, theirs in ((found.positive, expected.positive), (found.negative, expected.negative)):
        assert_same(ours.neurons, theirs.neurons)
        assert_same(ours.normed, theirs.normed)
        assert_same(ours.next_token, theirs.next_token)
        assert_same(ours.layers, theirs.layers)
    assert found.universal.equal(expected.universal)
    assert found.model == expected.model
    assert found.found == expected.found
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
        patch.setattr("neuroswitch.discovery.streaming.next_token_log_probabilities", None)
        with pytest.raises(TypeError):
            streamed(checkpoint, tmp_path / "stopped", READING)
    streamed(checkpoint, tmp_path / "stopped", READING)
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
from neuroswitch.checkpoints.streamed import Stream
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
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((SOURCES, str(Path(__file__).parent)))}
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

    def small(self: Stream, index: int, batch: torch.Tensor, *rest: Any) -> LayerRead:
        if index and len(batch) > 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return run(self, index, batch, *rest)

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
        words = set(source.embedding) if index == 0 else set()
        assert held == {*source.layer(index), "model.norm.weight", *words}
        assert self.coming is None or self.coming[0] == index + 1
        seen.add(index)
        return result

    monkeypatch.setattr(Stream, "run", looked)
    streamed(saved(tmp_path / "model"), tmp_path / "stream")
    assert seen == {0, 1, 2}


def test_bfloat16_is_read_as_the_loaded_model_has_it(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, "mixtral")
    neurons, normed = layer_by_layer(checkpoint, "bfloat16")
    expected = read_last_token(load_model(checkpoint, options=LoadOptions(dtype="bfloat16")), IDS)
    assert neurons.equal(expected.neurons)
    assert normed.equal(expected.normed)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ARCHITECTURES, *(name for name in WRAPPERS if name != "mllama")])
def test_every_architecture_is_read_exactly_or_refused(name: str, tmp_path: Path) -> None:
    module = tiny_module(name)
    module.save_pretrained(tmp_path, max_shard_size="20KB")
    tiny_tokenizer().save_pretrained(tmp_path)
    try:
        neurons, normed = layer_by_layer(tmp_path)
    except NeuroswitchError:
        assert name in {"xlstm", "zamba", "zamba2", "zamba2/two blocks"}
        return
    expected = read_last_token(load_model(tmp_path), IDS)
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
        return invoke(*common, *arguments)

    assert isinstance(
        call("--stream", "--ranking", "readout", "--output", str(tmp_path / "no")).exception, BadOption
    )
    with monkeypatch.context() as patch:
        patch.setattr(Stream, "run", None)
        with pytest.raises(TypeError):
            call("--stream", "--ranking", "next_token", "--output", str(output))
    streamed_one = call("--stream", "--ranking", "next_token", "--output", str(output))
    assert streamed_one.exit_code == 0, streamed_one.output
    assert call("--ranking", "next_token", "--output", str(tmp_path / "whole")).exit_code == 0
    one, other = Circuit.load(output), Circuit.load(tmp_path / "whole", load_model(checkpoint))
    assert one.ids.equal(other.ids)
    fingerprints = [folder / "fingerprint.safetensors" for folder in (output, tmp_path / "whole")]
    one_print, other_print = map(load_file, fingerprints)
    assert one_print.keys() == other_print.keys()
    for name, value in one_print.items():
        torch.testing.assert_close(value, other_print[name])
