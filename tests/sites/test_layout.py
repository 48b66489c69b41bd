"""The flat axis: naming and numbering neurons are inverse, whatever the sites."""

import json

import pytest
import torch

from neuroswitch.errors import BadCircuit
from neuroswitch.sites.layout import Neuron, NeuronLayout, Site

LAYOUT = NeuronLayout(
    (
        Site(0, "layers.0.mlp", "dense", 5),
        Site(2, "layers.2.mlps.0", "dense", 3),
        Site(2, "layers.2.experts", "experts", 4, experts=3),
        Site(3, "layers.3.experts", "experts", 1, experts=1),
    )
)
EVERY = torch.arange(LAYOUT.size)


def test_every_neuron_has_one_name_and_one_number() -> None:
    names = LAYOUT.locate(EVERY)

    assert LAYOUT.size == 5 + 3 + 12 + 1
    assert len(set(names)) == LAYOUT.size
    assert [LAYOUT.flat(name) for name in names] == EVERY.tolist()


def test_experts_are_laid_out_one_after_the_other() -> None:
    assert LAYOUT.locate([8, 11, 12, 19, 20]) == [
        Neuron(2, "layers.2.experts", 0, 0),
        Neuron(2, "layers.2.experts", 0, 3),
        Neuron(2, "layers.2.experts", 1, 0),
        Neuron(2, "layers.2.experts", 2, 3),
        Neuron(3, "layers.3.experts", 0, 0),
    ]


def test_layers_and_spans_agree_with_names() -> None:
    assert LAYOUT.layers(EVERY).tolist() == [neuron.layer for neuron in LAYOUT.locate(EVERY)]
    spans = [EVERY[LAYOUT.span(position)] for position in range(len(LAYOUT.sites))]
    assert torch.equal(torch.cat(spans), EVERY)
    assert [len(span) for span in spans] == [site.neurons for site in LAYOUT.sites]


def test_grouping_by_site_loses_nothing_and_keeps_the_order() -> None:
    ids = torch.tensor([20, 7, 0, 19, 4, 8])

    assert {path: local.tolist() for path, local in LAYOUT.by_site(ids).items()} == {
        "layers.0.mlp": [0, 4],
        "layers.2.mlps.0": [2],
        "layers.2.experts": [11, 0],
        "layers.3.experts": [0],
    }
    assert LAYOUT.by_site([]) == {}


def test_json_gives_an_equal_layout() -> None:
    assert NeuronLayout.from_json(json.loads(json.dumps(LAYOUT.to_json()))) == LAYOUT


@pytest.mark.parametrize("content", [{}, {"sites": [{"layer": 0}]}, {"sites": [{"what": 1}]}])
def test_json_that_is_no_layout_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(BadCircuit, match="layout"):
        NeuronLayout.from_json(content)


@pytest.mark.parametrize("ids", [[-1], [21], [0, 5, 99]])
def test_ids_outside_the_model_are_refused(ids: list[int]) -> None:
    for ask in (LAYOUT.locate, LAYOUT.layers, LAYOUT.by_site):
        with pytest.raises(BadCircuit, match="outside"):
            ask(ids)


@pytest.mark.parametrize(
    "neuron",
    [
        Neuron(0, "layers.0.mlp", None, 5),
        Neuron(0, "layers.0.mlp", 0, 1),
        Neuron(1, "layers.0.mlp", None, 1),
        Neuron(2, "layers.2.experts", None, 1),
        Neuron(2, "layers.2.experts", 3, 0),
        Neuron(2, "layers.2.elsewhere", None, 0),
    ],
)
def test_neurons_that_do_not_exist_have_no_number(neuron: Neuron) -> None:
    with pytest.raises(BadCircuit):
        LAYOUT.flat(neuron)
