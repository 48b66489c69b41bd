"""Files and folders that are complete or absent, JSONL files that only grow, digests of content.

A file or folder appears under its name only when all of it is on disk. Rows of a JSONL file are on
disk when `append_jsonl` returns; a last row that a crash cut short is never read as data. Whoever
writes a folder holds its lock, so that two processes never write to one.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from neuroswitch.errors import BadRun, Prerequisite
from neuroswitch.untrusted import LARGEST_LINE, LARGEST_ROWS, open_inside, parse_json, read_inside

LOCK = ".lock"
"""Name of the file by which a folder is locked; it stays, empty."""

Value = TypeVar("Value")

JsonObject = dict[str, object]
"""A JSON object whose values nothing has checked yet."""


@contextmanager
def disk_errors(
    path: Path, do: str = "free some space or name another folder; what was complete before is still there"
) -> Iterator[None]:
    """Turn an OSError of the block into a `Prerequisite` that says which path could not be written.

    Args:
        path: What the block writes.
        do: What the user can do.
    """
    try:
        yield
    except OSError as error:
        raise Prerequisite(
            f"could not write {path}", found=f"{type(error).__name__}: {error.strerror or error}", do=do
        ) from error


def write_atomic(path: Path, content: bytes | str) -> Path:
    """Write a file as `replace_atomic` does, and return its path.

    Raises:
        Prerequisite: The disk is full or the folder cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    return replace_atomic(path, lambda temporary: temporary.write_bytes(data))


def replace_atomic(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` create a temporary file in the same folder, then move it to `path`.

    Args:
        path: Where the file shall appear.
        write: Called with the temporary path; if it raises, no file is left behind.

    Raises:
        Prerequisite: The disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def write_json(path: Path, value: object) -> Path:
    """Write `value` as indented JSON, as `write_atomic` does.

    Raises:
        ValueError: It contains NaN or an infinity.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return write_atomic(path, text + "\n")


def read_json(path: Path, *, do: str = "name another folder") -> JsonObject:
    """Read a JSON object from a file.

    Args:
        path: The file.
        do: What the user can do where the file is damaged.

    Raises:
        BadRun: The file is missing, a link, too large, or holds no strict JSON object (`untrusted`).
    """
    path = Path(path)
    try:
        return _json_object(read_inside(path.parent, path.name))
    except (OSError, ValueError) as error:
        raise BadRun(
            f"{path} is missing or damaged", found=str(error), expected="a JSON object", do=do
        ) from error


def read_as(path: Path, kind: type[Value], *, do: str = "name another folder") -> Value:
    """Read a JSON object from a file as a value of a type, with pydantic.

    Args:
        path: The file.
        kind: A pydantic model or a dataclass.
        do: What the user can do where the file is damaged.

    Raises:
        BadRun: The file is missing, damaged, or holds something else.
    """
    try:
        return TypeAdapter(kind).validate_python(read_json(path, do=do))
    except ValidationError as error:
        raise BadRun(f"{path} is malformed", found=first_flaw(error), do=do) from error


def first_flaw(error: ValidationError) -> str:
    """Return the place of the first thing that a validation found wrong, and what it is."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"


def read_jsonl(path: Path) -> Iterator[JsonObject]:
    """Yield the rows of a JSONL file, or none where it does not exist.

    A last line without newline was cut short by a crash and is left out.

    Raises:
        BadRun: Another line is not a strict JSON object (`untrusted`), or the file is a link, no regular file
            or too large.
    """
    path = Path(path)
    if not path.exists():
        return
    try:
        with open_inside(path.parent, path.name, LARGEST_ROWS) as file:
            for number, line in enumerate(iter(lambda: file.readline(LARGEST_LINE + 1), b""), start=1):
                if len(line) > LARGEST_LINE:
                    raise BadRun(f"{path}, line {number}: longer than {LARGEST_LINE} bytes", do=_DAMAGED)
                if not line.endswith(b"\n"):
                    return
                yield _row(line, path, number)
    except OSError as error:
        raise BadRun(f"{path} cannot be read", found=str(error), do="name another folder") from error


def append_jsonl(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Append rows and flush them to disk, after removing a last row that a crash cut short.

    Raises:
        Prerequisite: The disk is full or the file cannot be written; complete rows stay.
    """
    path = Path(path)
    lines = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    with disk_errors(path, do="free some space and run the same command again: complete rows are kept"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            file.truncate(_end_of_last_line(file.seek(0, os.SEEK_END), path))
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, made if it is missing, while the block is open; the lock ends with the process that holds it.

    Raises:
        BadRun: Another process holds it.
        Prerequisite: The folder cannot be written, or its file system has no locks.
    """
    lock = FileLock(folder / LOCK)
    with disk_errors(folder, do="name another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BadRun(
                f"{folder} is being written by another process",
                found=f"the lock {folder / LOCK} is held",
                do="wait until that process has finished, or name another output folder; a lock ends with its "
                "process, so there is no need to delete the file",
            ) from error
        except NotImplementedError as error:
            raise Prerequisite(
                f"{folder} cannot be locked",
                found=f"a file system without locks: {error}",
                do="name a folder on a local disk",
            ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """Fill a folder that must not exist yet, or must be empty.

    Yields:
        A temporary folder to fill; it is moved to `destination` if the block ends without an exception.

    Raises:
        Prerequisite: The destination holds something, the disk is full, or it cannot be written.
    """
    require_new(destination)
    with _temporary_folder(destination) as filled:
        yield filled
        filled.replace(destination)


@contextmanager
def updated_folder(destination: Path, owned: Sequence[str]) -> Iterator[Path]:
    """Replace some files of a folder and leave every other file in it alone.

    A crash while the files are moved leaves the folder without its first owned file.

    Args:
        destination: Created if missing.
        owned: All names that may be written; the folder counts as complete when the first of them is
            there. Owned files that the block does not write are removed.

    Yields:
        A temporary folder to fill.

    Raises:
        Prerequisite: The disk is full or the folder cannot be written.
    """
    with _temporary_folder(destination) as filled:
        yield filled
        destination.mkdir(exist_ok=True)
        for name in owned:
            (destination / name).unlink(missing_ok=True)
        for name in reversed(owned):
            if (filled / name).exists():
                (filled / name).replace(destination / name)


def require_new(destination: Path) -> None:
    """Refuse a destination that exists, unless it is an empty folder.

    Raises:
        Prerequisite: It is a file, or a folder that is not empty.
    """
    if destination.exists() and not (destination.is_dir() and not any(destination.iterdir())):
        raise Prerequisite(
            f"{destination} exists already",
            expected="a new name, or an empty folder",
            do="name another destination, or remove this one",
        )


def digest(value: object) -> str:
    """Return the sha256 of `value` as JSON with sorted keys: equal content gives an equal digest."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _temporary_folder(destination: Path) -> Iterator[Path]:
    """Make a folder beside the destination, and remove what is left of it afterwards."""
    with disk_errors(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(
            tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}.", suffix=".part")
        )
        try:
            folder.chmod(0o755)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def signed(document: Mapping[str, object]) -> JsonObject:
    """Return a document as JSON values, with the digest of all of it under `sha256`."""
    plain: JsonObject = json.loads(json.dumps(document, allow_nan=False))
    return {**plain, "sha256": digest(plain)}


def require_signed(document: Mapping[str, object]) -> None:
    """Compare a document with the digest that `signed` gave it.

    Raises:
        ValueError: It was changed after it was written, or has no digest.
    """
    found = digest({name: value for name, value in document.items() if name != "sha256"})
    if document.get("sha256") != found:
        raise ValueError(
            f"it was changed after it was written: sha256 {found} instead of {document.get('sha256')!r}"
        )


def _row(line: bytes, path: Path, number: int) -> JsonObject:
    try:
        return _json_object(line)
    except ValueError as error:
        raise BadRun(
            f"{path}, line {number}: not a JSON object", found=f"{line[:80]!r} ({error})", do=_DAMAGED
        ) from error


_DAMAGED = "remove the damaged line; everything else in the file can be kept"


def _json_object(text: bytes) -> JsonObject:
    found = parse_json(text)
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} instead of a JSON object")  # noqa: TRY004
    return found


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
