"""A saved circuit in an experiment: held-out prompts, and other conditions than those it was found in."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from experiments import tiny_settings

from neuroswitch.chat import ChatFormat
from neuroswitch.circuits import Circuit
from neuroswitch.discovery import find_circuit
from neuroswitch.errors import BadCircuit, BadPrompts
from neuroswitch.experiment import ExperimentSettings, PromptChoice, evaluate_settings, run_experiment
from neuroswitch.models import load_model
from sets import tiny_contrast


@pytest.fixture
def asked(tmp_path: Path) -> ExperimentSettings:
    """Save a circuit that was found with a system prompt; return how it is evaluated without one."""
    base = tiny_settings(tmp_path)
    model = load_model(base.models[0])
    chat = ChatFormat(system="say one word")
    circuit = find_circuit(model, tiny_contrast(), ranking="delta", size=5, chat=chat)
    circuit.save(tmp_path / "circuit", model=model)
    return evaluate_settings(str(tmp_path / "circuit"), base.models[0], base=base)


def test_other_conditions_are_said_in_the_summary_and_on_the_page(
    asked: ExperimentSettings, tmp_path: Path
) -> None:
    summary = run_experiment(asked, tmp_path / "out")
    said = "was found with the system prompt 'say one word', and is used without a system prompt."
    assert any(said in warning for warning in summary.warnings)
    assert "is used without a system prompt" in (tmp_path / "out" / "report.html").read_text()
    same = replace(asked, chat=ChatFormat(system="say one word"))
    assert not any("was found" in one for one in run_experiment(same, tmp_path / "same").warnings)


def test_its_own_discovery_prompts_under_another_name_are_refused_before_a_model_is_loaded(
    asked: ExperimentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "neuroswitch.experiment.models.load_model", lambda *more, **named: pytest.fail("loaded")
    )
    contrast = tiny_contrast()
    turned = replace(contrast, discovery=contrast.test, test=contrast.discovery)
    lines = []
    for split, piles in turned.splits().items():
        for label, pile in zip(("positive", "negative"), piles, strict=True):
            lines += [json.dumps({"prompt": one.text, "label": label, "split": split}) for one in pile]
    (tmp_path / "turned.jsonl").write_text("\n".join(lines) + "\n")
    choice = PromptChoice(behaviour=str(tmp_path / "turned.jsonl"), detector=asked.prompts.detector)
    with pytest.raises(BadPrompts, match="was found on them"):
        run_experiment(replace(asked, prompts=choice), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_circuit_that_is_not_there_is_refused_before_a_model_is_loaded(
    asked: ExperimentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "neuroswitch.experiment.models.load_model", lambda *more, **named: pytest.fail("loaded")
    )
    with pytest.raises(BadCircuit, match="nowhere is not a circuit folder"):
        run_experiment(replace(asked, methods=("circuit:nowhere",)), tmp_path / "out")


def test_a_folder_whose_circuit_was_moved_is_still_continued(
    asked: ExperimentSettings, tmp_path: Path
) -> None:
    first = run_experiment(asked, tmp_path / "out")
    (tmp_path / "circuit").rename(tmp_path / "elsewhere")
    assert run_experiment(asked, tmp_path / "out").cells == first.cells
    assert Circuit.load(tmp_path / "elsewhere")
