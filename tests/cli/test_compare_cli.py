"""`neuroswitch compare` and `report` on its folder, with real methods on a tiny model."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from neuroswitch.cli.app import app
from neuroswitch.errors import BadPrompts, Prerequisite
from sets import write_contrast
from tiny import tiny_llama


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("model")
    tiny = tiny_llama()
    tiny.module.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return {
        "model": folder,
        "behaviour": write_contrast(folder / "asking.jsonl"),
        "detector": "contains:cat|sea|night|big",
        "methods": "cna:delta, random",
        "strengths": "1,0",
        "size": 9,
        "max-new-tokens": 3,
        "random-seeds": 2,
    }


def call(command: str, *arguments: object, **options: object) -> str:
    """Run a command; errors are raised."""
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    result = CliRunner().invoke(app, [command, *map(str, arguments), *given], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_prints_a_table_and_leaves_a_report_that_can_be_made_again(
    options: dict[str, Any], tmp_path: Path
) -> None:
    printed = call("compare", **options, output=tmp_path)
    table = printed[printed.index("┏") :]
    for word in ("untouched", "cna:delta", "random", "KL", "report.html"):
        assert word in table
    assert "…" not in table, "no number is cut short, however narrow the terminal"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [(cell["name"], cell["strength"]) for cell in summary["methods"]] == [
        ("cna:delta", 1),
        ("random", 1),
    ]
    assert [(one["name"], one["neurons"]) for one in summary["layers"]] == [("cna:delta", 9)]
    assert summary["settings"]["strengths"] == [0.0, 1.0]
    page = (tmp_path / "report.html").read_bytes()
    for name in ("report.html", "summary.json"):
        (tmp_path / name).unlink()
    call("report", tmp_path)
    assert (tmp_path / "report.html").read_bytes() == page
    assert json.loads((tmp_path / "summary.json").read_text()) == summary


def test_options_that_make_no_sense_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadPrompts, match="no strengths"):
        call("compare", **{**options, "strengths": "a,b"}, output=tmp_path / "a")
    with pytest.raises(Prerequisite, match="judge has no name"):
        call("compare", **options, judge="http://localhost:1/v1", output=tmp_path / "a")
    with pytest.raises(Prerequisite, match="no method called 'sea'"):
        call("compare", **{**options, "methods": "sea:shell"}, output=tmp_path / "a")
    assert not (tmp_path / "a").exists()
