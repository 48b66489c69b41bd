"""Attention units are read layer by layer as they are read in memory."""

from pathlib import Path

import pytest
import torch

from neuroswitch.activations.reading import read_last_token
from neuroswitch.checkpoints.streamed import open_streamed
from neuroswitch.discovery.collection import collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.discovery.streaming import collect_streamed, rank_streamed, streamable
from neuroswitch.errors import BadRun
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from sets import tiny_contrast
from streams import READING, assert_same, saved
from tiny import tiny_model


@pytest.mark.parametrize("units", ["attention", "both"])
@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "jamba", "qwen3_next"])
def test_statistics_and_circuits_are_those_of_the_loaded_model(name: str, units: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model", name)
    source = open_streamed(checkpoint, options=LoadOptions(units=units))
    found = collect_streamed(source, tiny_contrast(), READING, tmp_path / "stream")
    assert set(source.weights.reads.values()) == {1}

    model = load_model(checkpoint, options=LoadOptions(units=units))
    assert found.layout == model.layout
    expected = collect(model, tiny_contrast(), READING)
    for ours, theirs in ((found.positive, expected.positive), (found.negative, expected.negative)):
        assert_same(ours.neurons, theirs.neurons)
    assert found.universal.equal(expected.universal)
    for ranking in streamable():
        ours, theirs = rank_streamed(found, ranking, source), rank(expected, ranking, model)
        torch.testing.assert_close(ours.value, theirs.value, rtol=1e-3, atol=1e-6)
        assert select(ours, 9).ids.tolist() == select(theirs, 9).ids.tolist()


def test_a_stream_of_other_units_is_not_continued(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "model")
    collect_streamed(open_streamed(checkpoint), tiny_contrast(), READING, tmp_path / "stream")
    other = open_streamed(checkpoint, options=LoadOptions(units="both"))
    with pytest.raises(BadRun):
        collect_streamed(other, tiny_contrast(), READING, tmp_path / "stream")


def test_attention_units_do_not_depend_on_the_batch() -> None:
    model = tiny_model("llama", units="both")
    prompts = [[5, 6, 7, 8, 9, 10], [20, 21], [33, 34, 35]]
    alone = torch.cat([read_last_token(model, [prompt]).neurons for prompt in prompts])
    torch.testing.assert_close(read_last_token(model, prompts).neurons, alone, rtol=1e-5, atol=1e-6)
