"""The one-call path finds what the four steps find, and what was planted."""

from dataclasses import replace

import pytest
import torch

from neuroswitch.detectors import get_detector
from neuroswitch.discovery.collection import collect
from neuroswitch.discovery.finding import find_circuit, find_scores
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.errors import BadOption, WeakBehaviour
from neuroswitch.prompts import ContrastSet, Piles
from planted import Planted, planted_dense, planted_moe
from sets import tiny_contrast


def contrast_of(planted: Planted) -> ContrastSet:
    return replace(tiny_contrast(), discovery=Piles(planted.positive, planted.negative))


@pytest.mark.parametrize("plant", [planted_dense, planted_moe])
def test_one_call_finds_the_planted_neurons(plant):
    planted = plant()
    detector = get_detector("contains:sorry")

    circuit = find_circuit(planted.model, contrast_of(planted), detector, ranking="delta", size=4, dose=1.5)

    assert circuit.ids.tolist() == planted.ids.tolist()
    assert circuit.doses.tolist() == [1.5] * 4
    assert circuit.provenance.ranking == "delta"


def test_a_detector_and_its_function_find_what_the_four_steps_find():
    planted = planted_dense()
    model, contrast, detector = planted.model, contrast_of(planted), get_detector("contains:sorry")

    scores = find_scores(model, contrast, detector, ranking="readout")
    by_function = find_scores(
        model, contrast, lambda response, prompt: "sorry" in response, ranking="readout"
    )
    by_steps = rank(collect(model, contrast, ranking="readout", detector=detector), "readout", model)

    assert torch.equal(scores.value, by_function.value)
    assert torch.equal(scores.value, by_steps.value)
    small, large = select(scores, 2), select(scores, 6)
    assert set(small.ids.tolist()) < set(large.ids.tolist())
    assert (
        find_circuit(model, contrast, detector, ranking="readout", size=6).ids.tolist() == large.ids.tolist()
    )


def test_a_bad_option_or_an_absent_behaviour_is_an_error():
    planted = planted_dense()
    contrast = contrast_of(planted)
    for options in ({"ranking": "best"}, {"size": 0}):
        with pytest.raises(BadOption):
            find_circuit(planted.model, contrast, **{"ranking": "delta", **options})
    with pytest.raises(WeakBehaviour):
        find_circuit(planted.model, contrast, get_detector("contains:never"), ranking="readout", size=4)


def test_a_circuit_carries_no_gradients_though_the_weights_ask_for_them():
    planted = planted_dense()
    assert any(one.requires_grad for one in planted.model.module.parameters())

    circuit = find_circuit(planted.model, contrast_of(planted), ranking="next_token", size=4)

    assert not any(one.requires_grad for one in circuit.evidence().values())
