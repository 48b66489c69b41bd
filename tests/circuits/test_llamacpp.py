"""Circuits in llama.cpp: the GGUF forms against the hook, at the engine's own unsteered distance from it."""

import gguf
import pytest
import torch
from llamacpp_engine import PROMPT, log_probabilities
from steered import STATES, circuit_of, dosed, hooked_logits, log_probability_gap, logits, spread_circuit
from tiny_gguf import SETTINGS, write_gguf

from neuroswitch.circuits.exporting import export
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models.loading import load_model
from tiny import tiny_model

TYPE = gguf.GGMLQuantizationType


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", **SETTINGS)


@pytest.fixture
def base(model, tmp_path):
    return write_gguf(model, tmp_path / "base.gguf")


def reference(model, circuit=None, strength=0.0, *, monkeypatch):
    monkeypatch.setattr("steered.PROMPTS", torch.tensor([PROMPT]))
    found = logits(model.module) if circuit is None else hooked_logits(model, circuit, strength)
    return found[0, -1]


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "doses"), STATES)
@pytest.mark.parametrize("form", ["gguf", "gguf-lora"])
def test_llamacpp_gives_the_hooks_log_probabilities(
    form, strength, doses, model, base, tmp_path, monkeypatch
):
    pytest.importorskip("xllamacpp")
    circuit = dosed(spread_circuit(model, 30), doses)
    written = export(
        circuit, base if form == "gguf" else model, form, tmp_path / "out.gguf", strength=strength
    )
    unsteered = reference(model, monkeypatch=monkeypatch)
    floor = log_probability_gap(log_probabilities(base)[0], unsteered)
    lora = form == "gguf-lora"
    (answer,) = log_probabilities(base if lora else written, adapter=written if lora else None)
    expected = reference(model, circuit, strength, monkeypatch=monkeypatch)
    assert log_probability_gap(answer, expected) < 3 * floor
    assert log_probability_gap(expected, unsteered) > 10 * floor


def test_one_adapter_is_a_dial(model, base, tmp_path, monkeypatch):
    pytest.importorskip("xllamacpp")
    circuit = dosed(spread_circuit(model, 30))
    adapter = export(circuit, model, "gguf-lora", tmp_path / "lora.gguf")
    scales = (0.0, 0.5, 1.0)
    floor = log_probability_gap(log_probabilities(base)[0], reference(model, monkeypatch=monkeypatch))
    for scale, answer in zip(scales, log_probabilities(base, adapter=adapter, scales=scales), strict=True):
        expected = reference(model, circuit, scale, monkeypatch=monkeypatch)
        assert log_probability_gap(answer, expected) < 3 * floor


def tensors(path):
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [TYPE.F32, TYPE.F16, TYPE.BF16, TYPE.Q8_0, TYPE.Q5_0, TYPE.Q4_0])
def test_only_blocks_with_a_touched_value_change(kind, model, tmp_path):
    base = write_gguf(model, tmp_path / "base.gguf", kind)
    written = export(circuit_of(model, [5, 40]), base, "gguf", tmp_path / "out.gguf", strength=1.0)
    before, after = tensors(base), tensors(written)
    name = "blk.0.ffn_down.weight"
    assert all((before[other].data == after[other].data).all() for other in before if other != name)
    old, new = (torch.tensor(gguf.dequantize(each[name].data, kind).copy()) for each in (before, after))
    assert not new[:, [5, 40]].any()
    rest = [index for index in range(96) if index not in (5, 40)]
    # a block's scale follows its largest value, so the others move by less than a step of the coarsest type
    step = 0.0 if kind in (TYPE.F32, TYPE.F16, TYPE.BF16) else 1 / 7
    assert (new[:, rest] - old[:, rest]).abs().max() <= step * old.abs().max()


def test_types_that_cannot_be_quantised_again_name_the_lora(model, tmp_path):
    wide = tiny_model("llama", **{**SETTINGS, "intermediate_size": 256})
    base = write_gguf(wide, tmp_path / "base.gguf", TYPE.Q4_K)
    with pytest.raises(UnsupportedModel, match=r"type Q4_K(.|\n)*'gguf-lora'"):
        export(circuit_of(wide, [5]), base, "gguf", tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


def test_a_gguf_file_of_another_model_is_refused(model, tmp_path):
    narrow = tiny_model("llama", **{**SETTINGS, "intermediate_size": 32})
    base = write_gguf(narrow, tmp_path / "narrow.gguf")
    with pytest.raises(UnsupportedModel, match=r"another width(.|\n)*32(.|\n)*96"):
        export(circuit_of(model, [5]), base, "gguf", tmp_path / "out.gguf")
    shallow = tiny_model("llama", **SETTINGS, num_hidden_layers=1)
    base = write_gguf(shallow, tmp_path / "shallow.gguf")
    with pytest.raises(UnsupportedModel, match="no tensor blk.2.ffn_down"):
        export(circuit_of(model, [200]), base, "gguf", tmp_path / "out.gguf")


@pytest.mark.parametrize("damage", ["other", "truncated", "empty"])
def test_a_file_that_is_no_gguf_is_refused(damage, model, base, tmp_path):
    content = base.read_bytes()
    base.write_bytes({"other": b"something else entirely", "truncated": content[:-900], "empty": b""}[damage])
    with pytest.raises(Prerequisite, match=r"base\.gguf"):
        export(circuit_of(model, [5]), base, "gguf", tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


@pytest.mark.slow
def test_other_forms_are_made_from_a_gguf_file_too(model, base, tmp_path):
    loaded = load_model(base)
    circuit = circuit_of(loaded, [5, 100])
    for form in ("lora", "gguf-lora", "ia3"):
        first = export(circuit, base, form, tmp_path / f"a-{form}")
        second = export(circuit, loaded, form, tmp_path / f"b-{form}")
        for one in [first] if first.is_file() else first.glob("*.safetensors"):
            other = second if second.is_file() else second / one.name
            assert one.read_bytes() == other.read_bytes()
