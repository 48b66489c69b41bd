"""Folders that are whole or absent: filled beside their destination, moved there when complete.

Guarantees: an exception or a crash while a folder is being filled leaves the destination as it
was, and nothing under its name that was not there before. Accepted: a crash leaves the hidden
`.part` folder behind, and a folder that existed is updated file by file, its marker last.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from neuroswitch.errors import Prerequisite


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """Fill a folder that must not exist yet, or is empty.

    Yields:
        The folder to fill; it gets the name `destination` when the block ends without an exception.

    Raises:
        Prerequisite: The destination holds something, the disk is full, or it cannot be written.
    """
    require_new(destination)
    with _staging(destination) as staging:
        yield staging
        staging.replace(destination)


def require_new(destination: Path) -> None:
    """Refuse a destination that would be overwritten, or mixed with what is there.

    Raises:
        Prerequisite: It is a file, or a folder that is not empty.
    """
    if destination.exists() and not (destination.is_dir() and not any(destination.iterdir())):
        raise Prerequisite(
            f"{destination} exists already",
            expected="a new name, or an empty folder",
            do="name another destination, or remove this one",
        )


@contextmanager
def updated_folder(destination: Path, owned: Sequence[str]) -> Iterator[Path]:
    """Replace a folder's files of our own and leave every other file in it alone.

    Args:
        destination: Created if missing.
        owned: All names that may be written, the marker first: as long as it is absent, the folder
            counts as incomplete. Owned files that the block does not write are removed.

    Yields:
        The folder to fill.

    Raises:
        Prerequisite: The disk is full or the folder cannot be written.
    """
    with _staging(destination) as staging:
        yield staging
        destination.mkdir(exist_ok=True)
        for name in owned:
            (destination / name).unlink(missing_ok=True)
        for name in reversed(owned):
            if (staging / name).exists():
                (staging / name).replace(destination / name)


@contextmanager
def _staging(destination: Path) -> Iterator[Path]:
    staging: Path | None = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(
            tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}.", suffix=".part")
        )
        staging.chmod(0o755)
        yield staging
    except OSError as error:
        raise Prerequisite(
            f"could not write {destination}",
            found=f"{type(error).__name__}: {error}",
            do="free some space or name another folder; what was there before is still there",
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
