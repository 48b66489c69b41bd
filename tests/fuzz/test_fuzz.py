"""The short form of the fuzzer: a few hundred cases of each kind. The long form is `make fuzz`."""

from pathlib import Path

import pytest
from circuit_folders import CircuitFolders
from fits import Fits
from replies import Replies
from run_folders import RunFolders
from watch import fuzz

SHORT = {CircuitFolders: 60, Fits: 150, Replies: 80, RunFolders: 10}


@pytest.mark.parametrize("kind", SHORT)
def test_damaged_input_ends_in_a_result_or_an_error_of_ours(kind: type, tmp_path: Path) -> None:
    tally = fuzz(kind(tmp_path), SHORT[kind])
    assert not tally.faults, "\n".join(tally.lines())
    assert sum(tally.refused.values()) > SHORT[kind] / 2  # what was damaged is mostly refused
