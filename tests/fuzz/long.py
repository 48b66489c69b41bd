"""The long form of the fuzzer: `make fuzz`, or `make fuzz ARGS='fits --cases 100 --first 7'` for a part of it."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "circuits"), str(TESTS / "experiment")]

from circuit_folders import CircuitFolders  # noqa: E402
from fits import Fits  # noqa: E402
from prompt_sets import PromptSets  # noqa: E402
from replies import Replies  # noqa: E402
from run_folders import RunFolders  # noqa: E402
from watch import fuzz  # noqa: E402

LONG = {"circuits": (CircuitFolders, 10_000), "runs": (RunFolders, 2_000), "fits": (Fits, 2_000)}
LONG |= {"replies": (Replies, 2_000), "prompts": (PromptSets, 2_000)}


def main() -> int:
    """Run the cases, print what happened, and return 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", help="circuits, runs, fits, replies, prompts; default: all")
    parser.add_argument("--cases", type=int)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    faults = 0
    for name in asked.subjects or LONG:
        kind, cases = LONG[name]
        with tempfile.TemporaryDirectory() as workspace:
            began = time.monotonic()
            tally = fuzz(kind(Path(workspace)), asked.cases or cases, first=asked.first, progress=_progress)
        lines = [f"\n{kind.name}, {time.monotonic() - began:.0f} s:", *tally.lines()]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        faults += len(tally.faults)
    return bool(faults)


def _progress(done: int) -> None:
    if done % 500 == 0:
        sys.stderr.write(f"{done} ... ")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
