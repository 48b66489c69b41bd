"""Start a script or a module in several processes, as a user would with torchrun, and never wait for ever."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))
"""What a child process must be able to import, as PYTHONPATH: this checkout, not an installed one."""


def torchrun(*arguments: str | Path, processes: int = 2, seconds: float = 480) -> str:
    """Run to the end and return what was printed; fail the test with it where a process fails."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [sys.executable, *launcher, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
