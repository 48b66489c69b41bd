"""Selections on bootstrap samples: a naive loop, the planted circuit, one pass, no luck with batches."""

from dataclasses import replace

import pytest
import torch

from neuroswitch.batching import batches as batching
from neuroswitch.discovery import bootstrap as module
from neuroswitch.discovery import collection as collecting
from neuroswitch.discovery.bootstrap import BootstrapSelection, Resampling, bootstrap_selection
from neuroswitch.discovery.collection import Reading, class_statistics, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.errors import BadOption
from planted import planted_dense
from planted_task import task_of
from sets import tiny_contrast
from tiny import tiny_llama

RANKINGS = ["delta", "effect_size", "write_norm", "residual", "writers", "next_token"]


@pytest.mark.parametrize("ranking", RANKINGS)
def test_each_sample_is_what_reading_its_prompts_gives(ranking: str) -> None:
    model, contrast = tiny_llama(), tiny_contrast()
    found = bootstrap_selection(model, contrast, ranking, 6, Resampling(samples=3, seed=5))

    generator = torch.Generator().manual_seed(5)
    counts = [module._counts(len(pile), 3, generator)[1:] for pile in contrast.discovery]
    assert all(int(row.sum()) == 12 for each in counts for row in each)
    whole, reading = collect(model, contrast, ranking=ranking), Reading.of(ranking)
    values, often = [], torch.zeros(model.layout.size)
    for sample in range(3):
        classes = [
            class_statistics(
                model, [one for one, k in zip(pile, each[sample], strict=True) for _ in range(k)], reading
            )
            for pile, each in zip(contrast.discovery, counts, strict=True)
        ]
        scores = rank(replace(whole, positive=classes[0], negative=classes[1]), ranking, model)
        assert found.circuits[sample].ids.tolist() == select(scores, 6).ids.tolist()
        often[select(scores, 6).ids] += 1 / 3
        values.append(scores.value)
    torch.testing.assert_close(found.probability, often)
    torch.testing.assert_close(found.scores.value, torch.stack(values).mean(0), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found.scores.statistics.delta, whole.delta)


@pytest.mark.parametrize("ranking", ["delta_effect", "writers", "residual"])
def test_planted_neurons_are_selected_in_every_sample(ranking: str) -> None:
    planted = planted_dense()
    contrast = task_of(planted).contrast
    found = bootstrap_selection(planted.model, contrast, ranking, 4)

    assert found.probability[planted.ids].tolist() == [1, 1, 1, 1]
    assert float(found.probability.sum()) == 4
    assert found.circuit().ids.tolist() == planted.ids.tolist()
    assert len(found.circuits) == 16


def test_batches_change_nothing_and_seeds_do(monkeypatch: pytest.MonkeyPatch) -> None:
    model, contrast = tiny_llama(), tiny_contrast()
    first = bootstrap_selection(model, contrast, "effect_size", 8)
    other = bootstrap_selection(model, contrast, "effect_size", 8, Resampling(seed=1))
    monkeypatch.setattr(batching, "_free_memory", lambda device: 0)
    alone = bootstrap_selection(model, contrast, "effect_size", 8)

    assert torch.equal(first.probability, alone.probability)
    assert first.circuit().ids.tolist() == alone.circuit().ids.tolist()
    assert not torch.equal(first.probability, other.probability)


def test_every_prompt_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, contrast = tiny_llama(), tiny_contrast()
    real, read = collecting.read_last_token, []

    def counted(model, ids, *rest, **named):  # type: ignore[no-untyped-def]
        read.append(len(ids))
        return real(model, ids, *rest, **named)

    monkeypatch.setattr(collecting, "read_last_token", counted)
    collect(model, contrast, ranking="delta")
    once = sum(read)
    read.clear()
    bootstrap_selection(model, contrast, "delta", 5, Resampling(samples=30))
    assert sum(read) == once


def test_the_most_often_selected_win_and_the_mean_score_decides_among_equals() -> None:
    model = tiny_llama()
    scores = rank(collect(model, tiny_contrast(), ranking="delta"), "delta", model)
    value = torch.zeros(model.layout.size)
    value[[10, 20, 30, 40]] = torch.tensor([9.0, 1.0, 2.0, 3.0])
    probability = torch.zeros(model.layout.size)
    probability[[10, 20, 30, 40]] = torch.tensor([0.25, 1.0, 0.5, 0.5])
    found = BootstrapSelection(probability, (), replace(scores, value=value), 2, Resampling())
    assert found.circuit().ids.tolist() == [20, 40]
    assert found.circuit().provenance.arguments["samples"] == 16


def test_what_cannot_be_resampled_is_refused() -> None:
    model, contrast = tiny_llama(), tiny_contrast()
    with pytest.raises(BadOption, match="'readout' needs responses"):
        bootstrap_selection(model, contrast, "readout", 5)
    with pytest.raises(BadOption, match="at least one sample"):
        bootstrap_selection(model, contrast, "delta", 5, Resampling(samples=0))
    with pytest.raises(BadOption, match="at least one neuron"):
        bootstrap_selection(model, contrast, "delta", 1e-9)
