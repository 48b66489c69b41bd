"""The cache folder, and folders in it that take long to make: made once, by one process at a time."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from neuroswitch.errors import Prerequisite


def cache_dir() -> Path:
    """Return the cache folder: `$NEUROSWITCH_CACHE`, or `neuroswitch` in the user's cache folder."""
    own = os.environ.get("NEUROSWITCH_CACHE")
    return Path(own).expanduser() if own else user_cache_path("neuroswitch", appauthor=False)


def build_once(folder: Path, build: Callable[[Path], None], *, size: int) -> Path:
    """Return `folder`, after `build` has filled it if it was not there.

    A second process that needs the same folder waits for the first. If `build` raises an error, there
    is no folder.

    Args:
        folder: Path of the result.
        build: Fills the empty folder that it is given; the folder above it is for temporary files and
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
                _build(folder, build, size)
    except OSError as error:
        raise Prerequisite(
            f"could not write {folder}",
            found=f"{type(error).__name__}: {error.strerror or error}",
            do="free some space, or set NEUROSWITCH_CACHE to another folder",
        ) from error
    return folder


def _build(folder: Path, build: Callable[[Path], None], size: int) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < size:
        raise Prerequisite(
            f"not enough disk space in {folder.parent}",
            found=f"{free / 1e9:.1f} GB free",
            expected=f"{size / 1e9:.1f} GB",
            do="free some space, or set NEUROSWITCH_CACHE to a folder on another disk",
        )
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True
    ) as work:
        unfinished = Path(work) / "result"
        unfinished.mkdir()
        build(unfinished)
        unfinished.rename(folder)
