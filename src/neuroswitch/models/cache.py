"""Folders that take long to make: made once, whole or absent, by one process at a time.

Knows where the cache is and how to fill a folder safely; does not know what is in it.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from neuroswitch.errors import Prerequisite


def cache_dir() -> Path:
    """Return the cache folder: `$NEUROSWITCH_CACHE`, or `neuroswitch` in the user's cache folder."""
    if own := os.environ.get("NEUROSWITCH_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "neuroswitch"


def build_once(folder: Path, build: Callable[[Path], None], *, size: int) -> Path:
    """Return `folder`, after `build` has filled it if it was not there.

    A second process that wants the same folder waits for the first. Whatever `build` raises
    leaves no folder behind.

    Args:
        folder: Where the result shall be.
        build: Fills the empty folder that it is given; the folder above it is scratch space,
            removed afterwards.
        size: Bytes of disk that `build` needs.

    Raises:
        Prerequisite: The disk is full or the folder cannot be written.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            if not folder.is_dir():
                _require_space(folder.parent, size)
                _build(folder, build)
    except OSError as error:
        raise Prerequisite(
            f"could not write {folder}",
            found=f"{type(error).__name__}: {error.strerror or error}",
            do="free some space, or set NEUROSWITCH_CACHE to another folder",
        ) from error
    return folder


def _require_space(parent: Path, size: int) -> None:
    free = shutil.disk_usage(parent).free
    if free < size:
        raise Prerequisite(
            f"not enough disk space in {parent}",
            found=f"{free / 1e9:.1f} GB free",
            expected=f"{size / 1e9:.1f} GB",
            do="free some space, or set NEUROSWITCH_CACHE to a folder on another disk",
        )


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True
    ) as work:
        unfinished = Path(work) / "result"
        unfinished.mkdir()
        build(unfinished)
        unfinished.rename(folder)
