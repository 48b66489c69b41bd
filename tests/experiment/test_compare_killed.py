"""A comparison that is killed at random points, five times: the same bytes, and nothing done twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch import SOURCES
from sets import write_contrast
from tiny import tiny_llama

KILLS = 5
TESTS = Path(__file__).parents[1]
COMPARED = ("results.jsonl", "measured.jsonl", "summary.json", "settings.json", "facts.json")


@pytest.mark.slow
def test_killed_five_times_it_ends_with_the_same_bytes_and_does_no_finished_work_again(
    tmp_path: Path,
) -> None:
    model = tiny_llama()
    model.module.save_pretrained(tmp_path / "model")
    model.tokenizer.save_pretrained(tmp_path / "model")
    write_contrast(tmp_path / "asking.jsonl")
    ran = subprocess.run(
        [sys.executable, str(TESTS / "compare_child.py"), str(tmp_path), str(KILLS)],
        env={**os.environ, "PYTHONPATH": SOURCES, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    whole, rounds = told["whole"], told["rounds"]
    assert sum(one["kills"] for one in rounds) >= KILLS
    for one in rounds:
        for name in COMPARED:
            there, alone = tmp_path / one["name"] / name, tmp_path / "whole" / name
            assert there.read_bytes() == alone.read_bytes(), f"{name} after {one['kills']} kills"
        # What was under way when the process died is lost: one batch of answers, one batch read
        # untouched and in one more state, one batch weighed, one fit. Nothing else may be done again.
        assert whole["decoded"] <= one["decoded"] <= whole["decoded"] + one["kills"]
        assert whole["read"] <= one["read"] <= whole["read"] + 2 * one["kills"]
        assert whole["weighed"] <= one["weighed"] <= whole["weighed"] + one["kills"]
        assert whole["fitted"] <= one["fitted"] <= whole["fitted"] + one["kills"]
