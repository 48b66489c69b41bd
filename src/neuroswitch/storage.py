"""Files that are whole or absent: atomic writes, append-only JSONL, content digests.

Guarantees: a file written here appears under its name only when every byte of it is on
disk; a JSONL row is flushed and synced before `append` returns; a row torn by a crash is
dropped when the file is opened again, never read as data. Accepted: two processes that append to one
file at once are not coordinated.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from neuroswitch.errors import BadRun, Prerequisite


def write_atomic(path: Path, content: bytes | str) -> Path:
    """Write a whole file, or none: temporary file in the same folder, sync, rename.

    Raises:
        Prerequisite: The disk is full or the folder cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    return replace_atomic(path, write)


def replace_atomic(path: Path, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a temporary file and move it to `path` when it is complete.

    Args:
        path: Where the file shall appear.
        write: Called with the temporary path; whatever it raises leaves no file behind.

    Raises:
        Prerequisite: The disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise Prerequisite(
            f"could not write {path}",
            found=f"{type(error).__name__}: {error.strerror or error}",
            do="free some space or name another folder; what was complete before is still there",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as indented JSON, atomically; NaN is refused rather than written."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return write_atomic(path, text + "\n")


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object.

    Raises:
        BadRun: The file is missing or does not hold one.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadRun(
            f"{path} cannot be read",
            found=f"{type(error).__name__}: {error}",
            do="name the folder of an experiment; one that was interrupted is continued by the same command",
        ) from error
    if not isinstance(value, dict):
        raise BadRun(f"{path} is not a JSON object", found=type(value).__name__)
    return value


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSONL file; a last line without newline is a torn write and is left out.

    Raises:
        BadRun: A complete line is not a JSON object.
    """
    path = Path(path)
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield _row(path, number, line)


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadRun(
            f"{path}, line {number}: not JSON",
            found=repr(line[:80]),
            do="remove the damaged line; everything else in the file can be kept",
        ) from error
    if not isinstance(row, dict):
        raise BadRun(f"{path}, line {number}: not a JSON object", found=type(row).__name__)
    return row


def append_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Append rows durably, first cutting off a torn last line left by a crash.

    Raises:
        Prerequisite: The disk is full or the file cannot be written; complete rows stay.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            file.truncate(_end_of_last_line(file.seek(0, os.SEEK_END), path))
            lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Prerequisite(
            f"could not append to {path}",
            found=f"{type(error).__name__}: {error.strerror or error}",
            do="free some space and run the same command again: it goes on where it stopped",
        ) from error


def _end_of_last_line(size: int, path: Path) -> int:
    """Return how many bytes of the file belong to complete lines."""
    if size == 0:
        return 0
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return size
        file.seek(0)
        return file.read().rfind(b"\n") + 1


def digest(value: Any) -> str:
    """Return the sha256 of `value` as canonical JSON: equal content, equal digest."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
