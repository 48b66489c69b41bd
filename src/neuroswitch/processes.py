"""Which of several processes this is, if torchrun or accelerate launch started more than one.

Read from the environment, so that a command knows before torch is imported whether it is the process
that prints and writes. `models.team` connects them.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroswitch.errors import Prerequisite


def process_rank() -> int:
    """Return the number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Return whether this process is the one that prints and writes."""
    return process_rank() == 0


@contextmanager
def written_once(folder: Path) -> Iterator[Path]:
    """Yield the folder itself in the first process, and a temporary one in the others.

    For results that all processes must compute together and only one writes.
    """
    if is_first():
        yield folder
    else:
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch) / folder.name


def require_one(work: str) -> None:
    """Raise an error if there are several processes, for work that is not made for them.

    Raises:
        Prerequisite: There are several.
    """
    if process_count() > 1:
        raise Prerequisite(
            f"{work} runs in one process",
            found=f"{process_count()} processes",
            do="start `neuroswitch discover` alone with torchrun, and this without it",
        )
