"""The table of a comparison in Markdown: the script reads what `compare` writes."""

import subprocess
import sys
from pathlib import Path

import summaries

from neuroswitch.storage import write_json

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "comparison_table.py"


def table(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script on a folder."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, check=False
    )


def test_every_condition_and_every_method_has_a_row(tmp_path: Path) -> None:
    summary, _ = summaries.comparison()
    write_json(tmp_path / "summary.json", summary.model_dump(mode="json"))
    printed = table(tmp_path).stdout
    rows = printed.splitlines()
    for cell in summary.changed():
        assert sum(row.startswith(f"| {cell.method}, {cell.strength:g} |") for row in rows) == 1
    assert summary.matched is not None
    for one in summary.matched.rows:
        beside = " to ".join(f"{strength:g}" for strength in dict.fromkeys(one.strengths))
        found = next(row for row in rows if row.startswith(f"| {one.method} | "))
        assert found.endswith(f" | {beside} |")
    for name, facts in summary.models["model"].methods.items():
        assert f"* **{name}**: {facts.description}" in printed


def test_a_summary_of_an_older_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"schema": 1, "conditions": []}')
    found = table(tmp_path)
    assert found.returncode != 0
    assert "not a summary of this version" in found.stderr
