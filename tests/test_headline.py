"""The claim itself, on the real demo model: few neurons carry refusal, and random ones do not."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

import neuroswitch as ns
from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.chat import encode
from neuroswitch.models.handle import LanguageModel

SHORT = ns.Decoding(max_new_tokens=24)


@pytest.fixture(scope="module")
def circuit(demo: LanguageModel) -> ns.Circuit:
    contrast = ns.ContrastSet.builtin("refusal")
    return ns.find_circuit(demo, contrast, ns.detector("refusal"))


@pytest.mark.slow
def test_the_default_circuit_removes_most_refusals(demo: LanguageModel, circuit: ns.Circuit) -> None:
    refusal = ns.detector("refusal")
    asked = ns.ContrastSet.builtin("refusal").test.positive[:16]
    before = ns.measure(ns.generate(demo, asked, decoding=SHORT), refusal)
    with ns.scaled(demo, circuit, strength=1.0):
        after = ns.measure(ns.generate(demo, asked, decoding=SHORT), refusal)
    with ns.scaled(demo, ns.random_circuit(circuit, seed=0), strength=1.0):
        control = ns.measure(ns.generate(demo, asked, decoding=SHORT), refusal)
    assert len(circuit) == 58
    shown, left, kept = (round(one["behaviour"].value * len(asked)) for one in (before, after, control))
    assert shown >= 8
    assert left <= shown / 3
    assert kept >= shown - 3


@pytest.mark.slow
def test_the_saved_folder_is_the_steered_model(
    demo: LanguageModel, circuit: ns.Circuit, tmp_path: Path
) -> None:
    circuit.save(tmp_path / "circuit")
    ids = torch.tensor([encode(demo.tokenizer, ns.Prompt.of("Name three rivers."))])
    with torch.inference_mode(), scaled_neurons(demo, circuit.ids, circuit.multipliers(1.0)):
        expected = demo.module(ids).logits
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "circuit", dtype=torch.float32)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(ids).logits, expected, rtol=0, atol=1e-4)
