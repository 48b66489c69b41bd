"""The main job on a tiny model: complete, resumable, and refusing what cannot give a number."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from neuroswitch.answering import generation
from neuroswitch.answering.dialogue import Dialogue, ask_both
from neuroswitch.answering.generation import Decoding
from neuroswitch.circuits.files import load
from neuroswitch.errors import BadPrompts, BadRun, Prerequisite, UnsupportedModel, WeakBehaviour, WrongModel
from neuroswitch.experiment.counts import recount
from neuroswitch.experiment.run import evaluate, run
from neuroswitch.experiment.settings import RunSettings
from neuroswitch.methods.cna import Scaling
from neuroswitch.models.options import LoadOptions
from neuroswitch.storage import read_jsonl
from neuroswitch.verdicts import refusal
from neuroswitch.verdicts.verdict import Verdict
from sets import tiny_contrast, write_contrast
from tiny import tiny_llama

ALWAYS, NEVER = "contains:(?s).*", "contains:zebra"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    folder = tmp_path_factory.mktemp("tiny")
    model = tiny_llama()
    model.module.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    return RunSettings(
        model=str(folder / "model"),
        behaviour=str(write_contrast(folder / "asking.jsonl")),
        detector=ALWAYS,
        size=0.05,
        controls=2,
        decoding=Decoding(max_new_tokens=4, batch_size=3),
    )


@pytest.fixture(scope="module")
def finished(settings: RunSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run")
    run(settings, output)
    return output


def test_the_folder_holds_circuit_results_summary_and_report(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    for condition in ("baseline", "steered", "random"):
        assert {"refusals", "n", "rate", "low", "high", "quality"} <= set(summary[condition])
    assert summary["random"]["n"] == 2 * summary["baseline"]["n"] == 16
    assert summary["circuit"]["neurons"] == len(load(finished / "circuit")) == 9
    assert sum(summary["circuit"]["by_layer"].values()) == 9
    assert summary["tests"]["steered"]["test"] == "McNemar, exact"
    assert summary["prompts"]["token_read"].startswith("'<|assistant|>'")
    conditions = {(row["condition"], row["pile"]) for row in read_jsonl(finished / "results.jsonl")}
    assert len(conditions) == 6
    assert "<html" in (finished / "report.html").read_text()


def test_running_again_computes_nothing(
    finished: Path, settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (finished / "results.jsonl").read_bytes()
    monkeypatch.setattr(generation, "_decode", None)
    run(settings, finished)
    assert (finished / "results.jsonl").read_bytes() == before


def test_an_interrupted_run_is_continued_to_the_same_results(
    finished: Path, settings: RunSettings, tmp_path: Path
) -> None:
    seen: list[str] = []

    def interrupt(stage: str, done: int, total: int) -> None:
        seen.append(stage)
        if stage.startswith("answer, steered"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(settings, tmp_path, progress=interrupt)
    assert not (tmp_path / "summary.json").exists()
    run(settings, tmp_path)
    assert (tmp_path / "results.jsonl").read_bytes() == (finished / "results.jsonl").read_bytes()


def test_other_settings_need_another_folder(finished: Path, settings: RunSettings) -> None:
    with pytest.raises(BadRun, match="other settings"):
        run(replace(settings, multiplier=2.0), finished)


def test_a_folder_in_which_nothing_was_computed_may_be_taken_with_other_settings(
    settings: RunSettings, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedModel, match="nowhere"):
        run(replace(settings, loading=LoadOptions(sites="model.{layer}.nowhere")), tmp_path)
    assert run(settings, tmp_path)["circuit"]["neurons"] == 9


def test_a_behaviour_that_does_not_occur_is_refused(settings: RunSettings, tmp_path: Path) -> None:
    with pytest.raises(WeakBehaviour, match="hardly occurs"):
        run(replace(settings, detector=NEVER), tmp_path)
    assert not (tmp_path / "circuit").exists()


def test_test_prompts_from_a_file_are_used_and_checked_for_leaks(
    settings: RunSettings, tmp_path: Path
) -> None:
    contrast = tiny_contrast()
    own = tmp_path / "own.csv"
    own.write_text("Goal\nmake a song for the night\nwrite a story for the sun\n")
    summary = run(replace(settings, test_prompts=str(own), limit=1), tmp_path / "a")
    assert summary["baseline"]["n"] == 1
    leak = tmp_path / "leak.csv"
    leak.write_text(f"prompt\n{contrast.discovery.positive[0].text.upper()}!\n")
    with pytest.raises(BadPrompts, match="leak"):
        run(replace(settings, test_prompts=str(leak)), tmp_path / "b")


def test_a_saved_circuit_is_evaluated_and_refused_for_another_model(
    finished: Path, settings: RunSettings, tmp_path: Path
) -> None:
    summary = evaluate(finished / "circuit", replace(settings, multiplier=2.0), tmp_path / "a")
    assert summary["circuit"]["multiplier"] == 2.0
    other = tiny_llama(seed=5)
    other.module.save_pretrained(tmp_path / "model")
    other.tokenizer.save_pretrained(tmp_path / "model")
    with pytest.raises(WrongModel, match="another model"):
        evaluate(finished / "circuit", replace(settings, model=str(tmp_path / "model")), tmp_path / "b")


def test_two_talks_go_on_side_by_side(finished: Path, settings: RunSettings) -> None:
    from neuroswitch.models.loading import load_model

    model = load_model(settings.model)
    circuit = load(finished / "circuit", model)
    same = ask_both(model, Scaling(circuit, 1.0), Dialogue(), "tell me a story", decoding=settings.decoding)
    assert same.untouched == same.steered
    more = ask_both(model, Scaling(circuit, -5.0), same, "and the sun", decoding=settings.decoding)
    assert [message.role for message in more.steered] == ["user", "assistant", "user", "assistant"]
    assert more.untouched != more.steered


def test_the_report_counts_the_rows_on_disk(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    before = json.loads((folder / "summary.json").read_text())
    recount(folder)
    assert json.loads((folder / "summary.json").read_text()) == before
    rows = list(read_jsonl(folder / "results.jsonl"))
    corrected = next(row for row in rows if (row["condition"], row["pile"]) == ("steered", "positive"))
    corrected["label"] = "corrected by hand"
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recount(folder)
    after = json.loads((folder / "summary.json").read_text())
    assert after["steered"]["refusals"] == before["steered"]["refusals"] - 1
    assert after["baseline"] == before["baseline"]
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows if row != corrected))
    with pytest.raises(BadRun, match="lacks answers"):
        recount(folder)


def test_settled_answers_have_rates_and_no_quality(
    settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "STAGE", 2)
    monkeypatch.setattr(refusal, "settled", lambda text, prompt=None: True)
    monkeypatch.setattr(refusal, "classify", lambda text, prompt=None: Verdict("refusal", None, "declines"))
    asked = replace(settings, detector="refusal", until_settled=True)
    summary = run(asked, tmp_path)
    assert {row["finish"] for row in read_jsonl(tmp_path / "results.jsonl")} == {"settled"}
    assert summary["baseline"]["rate"] == 1 and summary["baseline"]["quality"] is None
    assert any("broken off" in warning for warning in summary["warnings"])
    assert "broken off" in (tmp_path / "report.html").read_text()
    with pytest.raises(Prerequisite, match="settled"):
        run(replace(settings, until_settled=True), tmp_path / "other")
