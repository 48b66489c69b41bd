"""Which of several processes this is, where torchrun or accelerate launch started more than one.

Read from the environment alone, so that a command knows before torch is imported whether it is
the one that prints and writes. `models.processes` connects them.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroswitch.errors import Prerequisite


def rank() -> int:
    """Return the number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Say whether this process is the one that prints and writes."""
    return rank() == 0


@contextmanager
def written_once(folder: Path) -> Iterator[Path]:
    """Give the first process the folder itself, and the others one that is thrown away.

    For what all of them must compute together although one is to keep it.
    """
    if is_first():
        yield folder
    else:
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch) / folder.name


def require_one(work: str) -> None:
    """Refuse work that is not made for several processes.

    Raises:
        Prerequisite: There are several.
    """
    if count() > 1:
        raise Prerequisite(
            f"{work} runs in one process",
            found=f"{count()} processes",
            do="start `neuroswitch discover` alone with torchrun, and this without it",
        )
