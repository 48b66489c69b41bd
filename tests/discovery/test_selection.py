"""A circuit is the best of a ranking within a budget; universal neurons are never in it."""

from dataclasses import replace

import pytest
import torch

from neuroswitch.activations import read_neurons
from neuroswitch.chat import encode
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import RANKINGS, Scores, rank
from neuroswitch.discovery.selection import budget, select
from neuroswitch.discovery.statistics import NeuronStatistics
from neuroswitch.errors import BadOption, WrongModel
from neuroswitch.models.handle import LanguageModel
from sets import tiny_contrast
from tiny import tiny_llama, tiny_model


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_llama()


@pytest.fixture(scope="module")
def statistics(model: LanguageModel) -> NeuronStatistics:
    return collect(
        model,
        tiny_contrast(),
        Reading(needs=frozenset({"next_token", "layers", "contribution", "total_effect"})),
    )


@pytest.mark.parametrize("name", RANKINGS.names())
def test_every_ranking_scores_every_neuron(
    name: str, model: LanguageModel, statistics: NeuronStatistics
) -> None:
    scores = rank(statistics, name, model)
    assert scores.value.shape == (model.layout.size,)
    assert scores.value.dtype == torch.float32
    assert bool(scores.value.isfinite().all())
    assert len(select(scores, 10)) == 10


def test_swapping_the_piles_turns_promoters_into_suppressors(
    model: LanguageModel, statistics: NeuronStatistics
) -> None:
    swapped = replace(statistics, positive=statistics.negative, negative=statistics.positive)
    for name in ("effect_size", "delta_effect", "write_norm", "residual", "next_token", "writers"):
        one, other = rank(statistics, name, model), rank(swapped, name, model)
        if name in ("residual", "next_token", "writers"):  # both factors change sign: the product keeps it
            torch.testing.assert_close(one.value, other.value)
        else:
            assert select(one, 7).ids.tolist() == select(other, 7, side="suppressors").ids.tolist()


def test_writers_are_scored_as_a_loop_over_prompts_and_neurons_scores_them() -> None:
    model, last = tiny_llama(num_hidden_layers=5), 3
    neurons, residual = [], []
    for pile in tiny_contrast().discovery:
        ids = [encode(model.tokenizer, prompt) for prompt in pile]
        neurons.append(torch.stack([read_neurons(model, [row])[0] for row in ids]).mean(0))
        with torch.no_grad():
            states = [model.module(torch.tensor([row]), output_hidden_states=True) for row in ids]
        residual.append(torch.stack([one.hidden_states[last + 1][0, -1] for one in states]).mean(0))
    direction = torch.nn.functional.normalize(residual[0] - residual[1], dim=0)
    found = rank(collect(model, tiny_contrast(), ranking="writers"), "writers", model).value
    assert bool(found.any())
    for place, site in enumerate(model.layout.sites):
        span = model.layout.span(place)
        weight = model.module.get_submodule(site.path).weight.detach()  # (H, I)
        written = (neurons[0] - neurons[1])[span] * (weight.T @ direction)
        expected = written if site.layer <= last else torch.zeros_like(written)
        torch.testing.assert_close(found[span], expected, rtol=1e-3, atol=1e-6)


def test_universal_neurons_are_left_out(model: LanguageModel, statistics: NeuronStatistics) -> None:
    scores = rank(statistics, "delta", model)
    best = select(scores, 5)
    universal = torch.zeros(model.layout.size, dtype=torch.bool)
    universal[best.ids[:2]] = True
    without = select(Scores(scores.value, "delta", replace(statistics, universal=universal)), 5)
    assert not set(best.ids[:2].tolist()) & set(without.ids.tolist())
    assert set(best.ids[2:].tolist()) <= set(without.ids.tolist())


def test_class_means_and_scores_belong_to_the_neurons(
    model: LanguageModel, statistics: NeuronStatistics
) -> None:
    circuit = select(rank(statistics, "delta", model), 6)
    difference = circuit.positive_mean - circuit.negative_mean
    torch.testing.assert_close(difference.abs(), circuit.scores, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("size", "count"), [(0.001, 116), (116, 116), (1, 1), (0.5, 58368)])
def test_a_size_is_a_fraction_or_a_count(size: float, count: int) -> None:
    assert budget(size, 116_736) == count


@pytest.mark.parametrize("size", [0, -1, 0.0000001, 200_000])
def test_a_size_without_neurons_is_an_error(size: float) -> None:
    with pytest.raises(BadOption, match="neither a fraction nor a count|at least one neuron"):
        budget(size, 116_736)


def test_more_neurons_than_qualify_is_an_error(model: LanguageModel, statistics: NeuronStatistics) -> None:
    scores = Scores(-torch.ones(model.layout.size), "delta", statistics)
    with pytest.raises(BadOption, match="not enough promoters"):
        select(scores, 3)


def test_a_ranking_that_lacks_what_it_needs_says_so(model: LanguageModel) -> None:
    bare = collect(model, tiny_contrast(), ranking="delta")
    with pytest.raises(BadOption, match="needs contribution") as raised:
        rank(bare, "readout", model)
    advice = "collect(model, contrast, ranking='readout')"
    assert advice in str(raised.value)
    better = eval(advice, {"collect": collect, "model": model, "contrast": tiny_contrast()})
    assert bool(rank(better, "readout", model).value.isfinite().all())


def test_statistics_of_another_model_are_refused(statistics: NeuronStatistics) -> None:
    with pytest.raises(WrongModel):
        rank(statistics, "delta", tiny_model("llama", intermediate_size=48))
