"""Answers without a verdict are counted and said: in the terminal, in the summary and on the page."""

import json
from pathlib import Path

import pytest
from experiments import cell_of, tiny_settings

from neuroswitch.cli.console import console, show_summary
from neuroswitch.experiment import finish_report, run_experiment, run_settings
from neuroswitch.experiment.unjudged import unjudged_note
from neuroswitch.storage import read_jsonl


def test_unjudged_answers_are_in_no_rate_and_are_shown_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_settings(tmp_path / "prompts")
    run_experiment(run_settings(base.models[0], base=base), tmp_path / "run")
    rows = list(read_jsonl(tmp_path / "run" / "results.jsonl"))
    changed = [row for row in rows if row["condition"] == "untouched" and row["pile"] == "positive"][:3]
    for row in changed:
        row["label"] = None
    (tmp_path / "run" / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = finish_report(tmp_path / "run")
    cell = cell_of(summary, "untouched")
    assert cell.labels["positive"]["unjudged"] == 3
    assert cell.measures["behaviour"].n == sum(cell.labels["positive"].values()) - 3
    said = f"3 of {sum(cell.labels['positive'].values())} to positive prompts under untouched"
    assert any(said in warning for warning in summary.warnings)
    assert said in (tmp_path / "run" / "summary.json").read_text()
    assert said in (tmp_path / "run" / "report.html").read_text()
    monkeypatch.setattr(console, "width", 1_000)
    with console.capture() as printed:
        show_summary(summary)
    assert said in printed.get()


def test_nothing_is_said_where_every_answer_was_judged() -> None:
    assert list(unjudged_note(())) == []
