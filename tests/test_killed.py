"""Every long command, killed three times in its middle: the same bytes. `make kills` kills each 20 times."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch import ROOT, SOURCES

KILLS = 2
COMMANDS = ("run", "evaluate", "compare", "compare-models", "discover --stream")


@pytest.mark.slow
def test_killed_in_its_middle_every_command_ends_with_the_same_bytes(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "kills.py"), str(tmp_path / "kills"), str(KILLS)],
        env={**os.environ, "PYTHONPATH": SOURCES, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    rows = [line.split(" | ") for line in (tmp_path / "kills" / "kills.md").read_text().splitlines()[2:]]
    assert [row[0].strip("| `") for row in rows] == list(COMMANDS)
    for _, kills, at, whole, differing in rows:
        counts = [int(one) for one in at.split(", ")]
        assert int(kills) == len(counts) == KILLS
        assert all(0 < one < int(whole) for one in counts), "a kill missed the middle"
        assert differing.strip("| ") == "none"
