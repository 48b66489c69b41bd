"""Which of several processes this is, where torchrun or accelerate started more than one.

Read from the environment alone, so that a command knows before torch is imported whether it prints and
writes. `models` connects the processes.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroswitch.errors import Prerequisite


def process_number() -> int:
    """Return the number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """Return how many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Say whether this is process 0, the only one that prints and writes."""
    return process_number() == 0


@contextmanager
def written_once(folder: Path) -> Iterator[Path]:
    """Yield the folder in process 0, and a folder that is deleted afterwards in every other process.

    For work that all processes do together and whose result only one may write.
    """
    if is_first():
        yield folder
    else:
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch) / folder.name


def require_one(work: str) -> None:
    """Refuse work that must run in a single process.

    Args:
        work: What it is, for the message.

    Raises:
        Prerequisite: There are several processes.
    """
    if process_count() > 1:
        raise Prerequisite(
            f"{work} runs in one process",
            found=f"{process_count()} processes",
            do="start `neuroswitch discover` alone with torchrun, and this without it",
        )
