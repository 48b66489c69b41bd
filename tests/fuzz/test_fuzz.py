"""The short form of the fuzzer: a few hundred cases of all kinds. The long form is `make fuzz`."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watch
from circuit_folders import CircuitFolders
from fits import Fits
from prompt_sets import PromptSets
from replies import Replies
from run_folders import RunFolders
from watch import fuzz

from neuroswitch.errors import BadRun

SHORT = {CircuitFolders: 50, Fits: 150, PromptSets: 100, Replies: 80, RunFolders: 10}


@pytest.mark.parametrize("kind", SHORT)
def test_damaged_input_ends_in_a_result_or_an_error_of_ours(kind: type, tmp_path: Path) -> None:
    tally = fuzz(kind(tmp_path), SHORT[kind])
    assert not tally.faults, "\n".join(tally.lines())
    assert sum(tally.refused.values()) > SHORT[kind] / 2  # what was damaged is mostly refused


class Planted:
    """Reads nothing, and fails in every way that counts as a fault once the case is damaged."""

    name = "planted faults"
    damaged = False

    def intact(self, rng: random.Random, folder: Path) -> None: ...

    def damage(self, rng: random.Random, folder: Path) -> str:
        self.damaged = True
        return "everything"

    def readers(self, folder: Path) -> dict[str, Callable[[], Any]]:
        def refused() -> None:
            raise BadRun("refused")

        ways = {
            "traceback": lambda: {}["missing"],
            "hang": lambda: time.sleep(60),
            "memory": lambda: bytearray(2**31),
            "wrong content": lambda: "wrong",
            "refused": refused,
        }
        return ways if self.damaged else {"fine": str}

    def check(self, reader: str, folder: Path, result: Any) -> None:
        assert result != "wrong"


def test_every_kind_of_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS", 0.05)
    tally = fuzz(Planted(), 2)
    kinds = ["KeyError", "Hang", "MemoryError", "AssertionError"]
    assert [kind.split()[0] for kind in tally.faults] == kinds
    assert all(len(cases) == 2 for cases in tally.faults.values())
    assert tally.refused == {"BadRun": 2}
