"""The main job on a tiny model: complete, resumable, and refusing what cannot give a number."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from experiments import ALWAYS, NEVER, cell_of, contents, tiny_settings

from neuroswitch.answering import generation
from neuroswitch.answering.dialogue import Dialogue, ask_both
from neuroswitch.circuits import Circuit
from neuroswitch.detectors import DETECTORS, Detector
from neuroswitch.errors import BadOption, BadPrompts, BadRun, UnsupportedModel, WeakBehaviour, WrongModel
from neuroswitch.experiment import (
    ExperimentSettings,
    PromptChoice,
    evaluate_settings,
    finish_report,
    run_experiment,
    run_settings,
)
from neuroswitch.methods import Scaling
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.storage import read_jsonl
from neuroswitch.verdicts import Verdict
from sets import tiny_contrast
from tiny import tiny_llama


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ExperimentSettings:
    base = tiny_settings(tmp_path_factory.mktemp("tiny"))
    return run_settings(base.models[0], base=base)


@pytest.fixture(scope="module")
def finished(settings: ExperimentSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run")
    run_experiment(settings, output)
    return output


def test_the_folder_holds_circuit_results_summary_and_report(
    finished: Path, settings: ExperimentSettings
) -> None:
    summary = run_experiment(settings, finished)
    assert cell_of(summary, "random", 1.0).measures["behaviour"].n == 16
    assert cell_of(summary, "untouched").measures["behaviour"].n == 8
    circuit = summary.models["model"].methods["cna"].circuit
    saved = Circuit.load(finished / "methods" / "cna")
    assert circuit is not None
    assert circuit.neurons == len(saved) == sum(circuit.by_layer.values()) == 9
    assert cell_of(summary, "cna", 1.0).tests["behaviour"].p is not None
    assert summary.models["model"].token_read.startswith("'<|assistant|>'")
    conditions = {(row["condition"], row["pile"]) for row in read_jsonl(finished / "results.jsonl")}
    assert len(conditions) == 2 + 2 + 2 + 1
    assert "<html" in (finished / "report.html").read_text()


def test_running_again_computes_nothing(
    finished: Path, settings: ExperimentSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(finished)
    monkeypatch.setattr(generation, "_decode", None)
    run_experiment(settings, finished)
    assert contents(finished) == before


def test_an_interrupted_run_is_continued_to_the_same_results(
    finished: Path, settings: ExperimentSettings, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "answers" and done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(settings, tmp_path, progress=interrupt)
    assert not (tmp_path / "summary.json").exists()
    run_experiment(settings, tmp_path)
    assert contents(tmp_path) == contents(finished)


def test_other_settings_need_another_folder(finished: Path, settings: ExperimentSettings) -> None:
    for other in (
        replace(settings, circuit=replace(settings.circuit, size=0.1)),
        replace(settings, controls=replace(settings.controls, seed=1)),
        replace(settings, decoding=replace(settings.decoding, max_new_tokens=5)),
    ):
        with pytest.raises(BadRun, match="other settings"):
            run_experiment(other, finished)


def test_a_folder_in_which_nothing_was_computed_may_be_taken_with_other_settings(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedModel, match="nowhere"):
        run_experiment(replace(settings, loading=LoadOptions(sites="model.{layer}.nowhere")), tmp_path)
    (tmp_path / "facts.json").unlink(missing_ok=True)
    assert run_experiment(settings, tmp_path).models["model"].methods["cna"].circuit is not None


def test_a_behaviour_that_does_not_occur_is_refused(settings: ExperimentSettings, tmp_path: Path) -> None:
    with pytest.raises(WeakBehaviour, match="hardly occurs"):
        run_experiment(replace(settings, prompts=replace(settings.prompts, detector=NEVER)), tmp_path)
    assert not (tmp_path / "methods").exists()


def test_test_prompts_from_a_file_are_used_and_checked_for_leaks(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    own.write_text("Goal\nmake a song for the night\nwrite a story for the sun\n")
    asked = PromptChoice(
        behaviour=settings.prompts.behaviour, detector=ALWAYS, test_prompts=str(own), limit=1
    )
    summary = run_experiment(replace(settings, prompts=asked), tmp_path / "a")
    assert cell_of(summary, "untouched").measures["behaviour"].n == 1
    own.write_text("Goal\nmake a song for the dog\nwrite a story for the sun\n")
    with pytest.raises(BadRun, match="positive"):
        run_experiment(replace(settings, prompts=asked), tmp_path / "a")
    leak = tmp_path / "leak.csv"
    leak.write_text(f"prompt\n{tiny_contrast().discovery.positive[0].text.upper()}!\n")
    for option in ("test_prompts", "benign_prompts"):
        leaking = replace(settings.prompts, **{option: str(leak)})
        with pytest.raises(BadPrompts, match="leak"):
            run_experiment(replace(settings, prompts=leaking), tmp_path / "b")


def test_every_prompt_is_encoded_before_the_first_answer(
    settings: ExperimentSettings, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    own.write_text("Goal\nmake a song for the night\nwrite a story <eos> <|assistant|> yes\n")
    asked = replace(settings.prompts, test_prompts=str(own))
    with pytest.raises(BadPrompts, match=r"own\.csv, line 3: control tokens.*\n.*'<eos>', '<\|assistant\|>'"):
        run_experiment(replace(settings, prompts=asked), tmp_path / "a")
    assert not (tmp_path / "a" / "results.jsonl").exists()


def test_a_saved_circuit_is_evaluated_and_refused_for_another_model(
    finished: Path, settings: ExperimentSettings, tmp_path: Path
) -> None:
    folder = str(finished / "methods" / "cna")
    doubled = evaluate_settings(folder, settings.models[0], 2.0, base=settings)
    summary = run_experiment(doubled, tmp_path / "a")
    assert {cell.strength for cell in summary.cells} == {0.0, -1.0}
    assert "× 3" in (tmp_path / "a" / "report.html").read_text()
    other = tiny_llama(seed=5)
    other.module.save_pretrained(tmp_path / "model")
    other.tokenizer.save_pretrained(tmp_path / "model")
    with pytest.raises(WrongModel, match="another model"):
        run_experiment(evaluate_settings(folder, str(tmp_path / "model"), base=settings), tmp_path / "b")


def test_two_conversations_continue_side_by_side(finished: Path, settings: ExperimentSettings) -> None:
    model = load_model(settings.models[0])
    circuit = Circuit.load(finished / "methods" / "cna", model)
    same = ask_both(model, Scaling(circuit, 0.0), Dialogue(), "tell me a story", decoding=settings.decoding)
    assert same.untouched == same.steered
    more = ask_both(model, Scaling(circuit, 6.0), same, "and the sun", decoding=settings.decoding)
    assert [message.role for message in more.steered] == ["user", "assistant", "user", "assistant"]
    assert more.untouched != more.steered


def test_the_report_counts_the_rows_on_disk(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    before = finish_report(folder)
    assert contents(folder) == contents(finished)
    rows = list(read_jsonl(folder / "results.jsonl"))
    corrected = next(row for row in rows if (row["condition"], row["pile"]) == ("cna@1", "positive"))
    corrected["label"] = "absent"
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    after = finish_report(folder)
    assert cell_of(after, "cna", 1.0).measures["behaviour"].value == 7 / 8
    assert cell_of(after, "untouched") == cell_of(before, "untouched")
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if row != corrected))
    assert "Not finished and left out: cna@1." in finish_report(folder).warnings


@pytest.mark.parametrize("damage", ["[]", '{"version": 1}', "{", '{"models": 3}'])
def test_foreign_files_in_the_folder_are_refused_with_their_name(
    finished: Path, tmp_path: Path, damage: str
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "settings.json").write_text(damage)
    with pytest.raises(BadRun, match="settings.json"):
        finish_report(tmp_path / "run")


def test_settled_answers_have_rates_and_no_quality(
    settings: ExperimentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "STAGE", 2)
    declines = Detector(
        "refusal",
        lambda text, prompt: Verdict("refusal", None, "declines"),
        frozenset({"refusal"}),
        "all answers",
        lambda text, prompt: True,
    )
    monkeypatch.setitem(DETECTORS._table, "refusal", lambda argument: declines)
    asked = replace(
        settings, prompts=replace(settings.prompts, detector="refusal"), until_settled=True, methods=("cna",)
    )
    summary = run_experiment(asked, tmp_path)
    assert {row["finish"] for row in read_jsonl(tmp_path / "results.jsonl")} == {"settled"}
    assert cell_of(summary, "untouched").measures["behaviour"].value == 1
    assert "quality" not in summary.measures
    assert any("stopped once" in warning for warning in summary.warnings)
    assert "stopped once" in (tmp_path / "report.html").read_text()
    with pytest.raises(BadOption, match="settled"):
        run_experiment(replace(settings, until_settled=True), tmp_path / "other")
