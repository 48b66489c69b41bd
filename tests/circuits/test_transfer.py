"""A circuit taken to another checkpoint of its shape: asked for, written down, and refused elsewhere."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from steered import circuit_of, hooked_logits, logits

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.transfer import transferred
from neuroswitch.errors import WrongModel
from neuroswitch.methods.cna import Scaling
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_llama


def other_model() -> LanguageModel:
    """Return a checkpoint of the same shape that is another model to `check_model`."""
    model = tiny_llama(seed=5)
    return replace(model, identity=replace(model.identity, config_sha256="1" * 64))


def test_a_transferred_circuit_scales_the_same_neurons_of_the_other_model(tmp_path: Path) -> None:
    first, second = tiny_llama(), other_model()
    circuit = circuit_of(first, [3, 70, 150])
    with pytest.raises(WrongModel), Scaling(circuit, 1.0).applied(second):
        pass
    moved = transferred(circuit, second)
    assert moved.ids.tolist() == circuit.ids.tolist()
    with Scaling(moved, 1.0).applied(second):
        steered = logits(second.module)
    assert torch.equal(steered, hooked_logits(second, circuit, 1.0))
    assert Circuit.load(moved.save(tmp_path / "moved"), second).provenance.arguments["transferred_from"] == {
        "name": "tiny",
        "revision": None,
        "config_sha256": "0" * 64,
        "weights_sha256": None,
    }
    assert "transferred_from" not in circuit.provenance.arguments


def test_a_circuit_is_not_transferred_to_another_shape() -> None:
    circuit = circuit_of(tiny_llama(), [1])
    with pytest.raises(WrongModel, match="differ in shape"):
        transferred(circuit, tiny_llama(intermediate_size=48))
