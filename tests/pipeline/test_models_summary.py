"""What two circuits share: counted on any neuron axis, with chance levels that a simulation confirms."""

import pytest
import torch
from torch import Tensor

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.experiment.checkpoints.summary import shared_neurons
from neuroswitch.methods.random import random_neurons
from neuroswitch.models.handle import LanguageModel
from neuroswitch.provenance import Provenance
from tiny import tiny_model

DRAWS = 400


@pytest.fixture(scope="module", params=["llama", "mixtral", "deepseek_v3"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return tiny_model(request.param)


def circuit(model: LanguageModel, ids: Tensor) -> Circuit:
    ids = ids.sort().values
    values = torch.ones(len(ids))
    return Circuit(model.layout, ids, values, values, values, Provenance({}, "", "", ""))


def drawn(model: LanguageModel, count: int, seed: int, *, below: int | None = None) -> Circuit:
    generator = torch.Generator().manual_seed(seed)
    return circuit(model, torch.randperm(below or model.layout.size, generator=generator)[:count])


def test_sharing_is_symmetric_and_complete_with_itself(model: LanguageModel) -> None:
    one, other = drawn(model, 30, 0), drawn(model, 20, 1)
    forth, back = shared_neurons(one, other), shared_neurons(other, one)
    assert forth["sizes"] == back["sizes"][::-1] == [30, 20]
    for level in ("all", "by_layer"):
        assert forth[level] == pytest.approx(back[level])
    whole = shared_neurons(one, one)
    assert (whole["shared"], whole["jaccard"]) == (30, 1.0)
    assert whole["all"]["p"] < 1e-9
    assert shared_neurons(one, drawn(model, model.layout.size, 0))["all"] == {"expected": 30, "p": 1.0}


def test_chance_is_what_random_circuits_share_on_average(model: LanguageModel) -> None:
    one = drawn(model, 40, 0, below=model.layout.size // 2)
    apart = [shared_neurons(one, drawn(model, 40, seed))["shared"] for seed in range(1, DRAWS)]
    assert sum(apart) / len(apart) == pytest.approx(shared_neurons(one, one)["all"]["expected"], rel=0.1)


def test_circuits_that_only_favour_the_same_layers_share_no_more_than_chance_in_them(
    model: LanguageModel,
) -> None:
    one = drawn(model, 40, 0, below=model.layout.offsets[1])
    matched = circuit(model, random_neurons(one, seed=0))  # the same sites, none of its neurons
    found = shared_neurons(one, matched)
    assert found["shared"] == 0
    assert found["by_layer"]["expected"] > 2 * found["all"]["expected"]
    assert found["by_layer"]["p"] == pytest.approx(1.0)
