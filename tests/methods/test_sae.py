"""SAE features: a small SAE is trained here, saved, read through SAELens, and its features ablated."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neuroswitch.activations.changes import layer_paths
from neuroswitch.activations.reading import read_outputs
from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.detectors import get_detector
from neuroswitch.errors import BadOption, BadRun, Prerequisite
from neuroswitch.methods import sae_files, tuning
from neuroswitch.methods.base import Task, get_method
from neuroswitch.methods.sae_training import SaeTraining, train_sae
from neuroswitch.models.handle import LanguageModel
from neuroswitch.progress import silent
from neuroswitch.prompts import ContrastSet
from planted_task import firm, logits, task_of
from sets import tiny_contrast
from tiny import tiny_llama, tiny_model


def test_without_sae_lens_or_a_source_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadOption, match="needs an SAE"):
        get_method("sae")
    monkeypatch.setattr(sae_files, "find_spec", lambda name: None)
    with pytest.raises(Prerequisite, match="not installed"):
        get_method("sae:somewhere")


@pytest.mark.slow
def test_a_small_sae_of_a_tiny_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sae_lens", exc_type=ImportError)
    # the planted model knows one answer: to it any other is as strange as noise
    monkeypatch.setattr(tuning, "MOST_SURPRISE", 100.0)
    planted = firm()
    task = task_of(planted)
    how = SaeTraining(layer=1, features=64, active=4, steps=600, batch=128, answers=2, rate=3e-3)
    # the mean of all tokens is no feature, so that few of them should show the behaviour
    prompts = [*task.contrast.discovery.positive[:4], *planted.negative[:18]]
    trained = train_sae(planted.model, prompts, how, tmp_path / "sae")
    method = get_method(f"sae:{tmp_path / 'sae'}")

    fitted = method.fit(planted.model, task, progress=silent)
    before = logits(planted.model)

    assert trained.explained > 0.9
    assert "rate 0.00" in fitted.description
    with fitted.at(1.0).applied(planted.model):
        answers = generate(planted.model, task.contrast.test.positive, decoding=task.decoding)
        ablated = logits(planted.model)
    assert not any("sorry" in answer.text for answer in answers)
    with fitted.at(0.0).applied(planted.model):
        assert torch.equal(logits(planted.model), before)
    assert torch.equal(logits(planted.model), before)

    fitted.save(tmp_path / "fit")
    loaded = method.load(tmp_path / "fit", planted.model)
    with loaded.at(1.0).applied(planted.model):
        assert torch.equal(logits(planted.model), ablated)
    assert loaded.description == fitted.description

    again = get_method(f"sae:{tmp_path / 'sae'}").fit(planted.model, task, progress=silent)
    again.save(tmp_path / "again")
    for name in ("method.json", "method.safetensors"):
        assert (tmp_path / "fit" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()

    _refuses_what_does_not_fit(tmp_path, planted.model)
    train_sae(planted.model, prompts, replace(how, seed=1, steps=5), tmp_path / "other")
    with pytest.raises(BadRun, match="another SAE"):
        get_method(f"sae:{tmp_path / 'other'}").load(tmp_path / "fit", planted.model)


def _refuses_what_does_not_fit(folder: Path, model: LanguageModel) -> None:
    with pytest.raises(Prerequisite, match="there is no SAE"):
        sae_files.read_sae("no-such-release/7", model)
    with pytest.raises(Prerequisite, match="own format"):
        sae_files.read_sae("gemma-scope-2b-pt-res/layer_0/width_16k/average_l0_105", model)
    with pytest.raises(Prerequisite, match="does not fit"):
        sae_files.read_sae(str(folder / "sae"), tiny_model("llama", hidden_size=64, num_attention_heads=8))
    said = json.loads((folder / "sae" / "cfg.json").read_text())
    for hook in ("blocks.9.hook_resid_post", "blocks.1.attn.hook_z"):
        _copied(folder, said | {"metadata": said["metadata"] | {"hook_name": hook}})
        with pytest.raises(Prerequisite, match="another place"):
            sae_files.read_sae(str(folder / "copy"), model)
    _copied(folder, said | {"metadata": said["metadata"] | {"hook_name": "blocks.2.hook_resid_pre"}})
    assert sae_files.read_sae(str(folder / "copy"), model).path == layer_paths(model)[1]
    (folder / "copy" / "sae_weights.safetensors").write_bytes(b"broken")
    with pytest.raises(Prerequisite, match="cannot read"):
        sae_files.read_sae(str(folder / "copy"), model)
    (folder / "copy" / "sae_weights.safetensors").unlink()
    with pytest.raises(Prerequisite, match="no sae_weights"):
        sae_files.read_sae(str(folder / "copy"), model)


def _copied(folder: Path, said: dict[str, object]) -> None:
    copy = folder / "copy"
    copy.mkdir(exist_ok=True)
    (copy / "cfg.json").write_text(json.dumps(said))
    (copy / "sae_weights.safetensors").write_bytes((folder / "sae" / "sae_weights.safetensors").read_bytes())


@pytest.mark.slow
def test_all_features_together_are_the_reconstruction(tmp_path: Path) -> None:
    pytest.importorskip("sae_lens", exc_type=ImportError)
    model = tiny_llama()
    prompts = tiny_contrast().discovery.positive
    train_sae(model, prompts, SaeTraining(layer=0, features=48, active=4, steps=20, answers=0), tmp_path)
    coder = sae_files.read_sae(str(tmp_path), model)
    residual = read_outputs(model, [[5, 6, 7], [8, 9]], [[0, 1, 2], [1]], [coder.path])[:, 0]

    whole = coder.contribution(residual, torch.arange(48))
    halves = coder.contribution(residual, torch.arange(24)) + coder.contribution(
        residual, torch.arange(24, 48)
    )

    with torch.no_grad():
        torch.testing.assert_close(whole + coder.sae.b_dec, coder.sae(residual))
    torch.testing.assert_close(whole, halves, rtol=1e-4, atol=1e-5)
    assert int((coder.activations(residual) > 0).sum(1).max()) <= 4


@pytest.mark.slow
def test_a_small_sae_of_the_demo_model(demo: LanguageModel, tmp_path: Path) -> None:
    pytest.importorskip("sae_lens", exc_type=ImportError)
    contrast = ContrastSet.builtin("refusal")
    discovery = contrast.discovery
    prompts = [*discovery.positive[:24], *discovery.negative[:24]]
    how = SaeTraining(layer=14, features=256, active=16, steps=100, batch=256, answers=0)
    trained = train_sae(demo, prompts, how, tmp_path / "sae")
    task = Task(
        contrast=contrast,
        shows=get_detector("refusal").judges,
        decoding=Decoding(max_new_tokens=12, batch_size=32),
    )

    fitted = get_method(f"sae:{tmp_path / 'sae'}").fit(demo, task, progress=silent)

    assert trained.explained > 0.3
    assert "of 256 SAE features" in fitted.description
    assert "behind model.layers.14 at every position" in fitted.description
