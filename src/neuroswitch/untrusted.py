"""Files of unknown origin: only regular files of bounded size are read, and only strict JSON is understood.

Strict JSON is UTF-8, has every key once, and holds no NaN, no infinity, no integer beyond 64 bits and no half of
a surrogate pair. Nothing here says which kind of file it is for: callers turn an OSError or a ValueError into
an error of their own.
"""

import json
import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

LARGEST_JSON = 16 * 1024**2
"""Bytes of a JSON file."""
LARGEST_LINE = 16 * 1024**2
"""Bytes of a line of a JSONL file."""
LARGEST_ROWS = 2**33
"""Bytes of a JSONL file; it is read line by line."""
DEEPEST = 64
"""Levels of lists and objects in JSON."""
MOST_PARTS = 2**20
"""Brackets, braces and commas in JSON; more than 5 million empty lists fit into 16 MiB and take half a minute."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class NotRead(OSError):
    """A file that is not read: a link, a folder, a device, a pipe, or too large."""


def read_named(path: Path, largest: int) -> bytes:
    """Read a file that the user named; it may be a link.

    Raises:
        OSError: It is missing, is no regular file, or has more than `largest` bytes.
    """
    with open_named(path, largest) as file:
        return _content(file)


def read_inside(folder: Path, name: str, largest: int = LARGEST_JSON) -> bytes:
    """Read a file that lies in a folder of unknown origin. A link is not read, wherever it leads.

    One exception: in the Hub's cache every file of a snapshot is a link into `blobs` of the same repository.

    Raises:
        OSError: It is missing, is a link or no regular file, or has more than `largest` bytes.
    """
    with open_inside(folder, name, largest) as file:
        return _content(file)


@contextmanager
def open_inside(folder: Path, name: str, largest: int) -> Iterator[BinaryIO]:
    """Open what `read_inside` reads.

    Raises:
        OSError: As `read_inside`.
    """
    path = Path(folder) / name
    if path.is_symlink():
        path = _blob(path)
    with open_named(path, largest) as file:
        yield file


@contextmanager
def open_named(path: Path, largest: int) -> Iterator[BinaryIO]:
    """Open what `read_named` reads.

    Raises:
        OSError: As `read_named`.
    """
    # looked at before it is opened, because opening a device may do something; and again when it is open
    _require_regular(path.stat(), largest)
    with os.fdopen(os.open(path, _FLAGS), "rb") as file:
        _require_regular(os.fstat(file.fileno()), largest)
        yield file


def parse_json(content: bytes) -> object:
    """Parse strict JSON.

    Raises:
        ValueError: It is something else, is nested more than `DEEPEST` levels, or has more than `MOST_PARTS`.
    """
    if (parts := sum(map(content.count, (b"[", b"{", b",")))) > MOST_PARTS:
        raise ValueError(f"{parts} brackets and commas, and at most {MOST_PARTS} are read")
    try:
        found: object = json.loads(
            content.decode(),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError(f"nested more than {DEEPEST} levels") from None
    _require_shallow(found)
    if b"\\u" in content:
        json.dumps(found, ensure_ascii=False).encode()  # a UnicodeEncodeError where half of a pair is
    return found


def _content(file: BinaryIO) -> bytes:
    size = os.fstat(file.fileno()).st_size
    content = file.read(size + 1)
    if len(content) != size:
        raise NotRead(f"it changed while it was read: {size} bytes before")
    return content


def _blob(link: Path) -> Path:
    """Return the blob behind a link of the Hub's cache: models--NAME/snapshots/COMMIT/FILE."""
    snapshot = Path(os.path.realpath(link.parent))
    target = Path(os.path.realpath(link))
    if snapshot.parent.name == "snapshots" and target.parent == snapshot.parent.parent / "blobs":
        return target
    raise NotRead("a link, and only files that lie in the folder itself are read")


def _require_regular(found: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotRead("no regular file, but a folder, a device, a pipe or a socket")
    if found.st_size > largest:
        raise NotRead(f"{found.st_size} bytes, and at most {largest} are read")


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"the key {again[:40]!r} twice")
    return found


def _constant(name: str) -> object:
    raise ValueError(f"{name}, which is no JSON")


def _float(text: str) -> float:
    if not math.isfinite(found := float(text)):
        raise ValueError(f"the number {text[:40]}, which is too large")
    return found


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (found := int(text)) < 2**63:
        raise ValueError(f"the number {text[:40]}, which has more than 64 bits")
    return found


def _require_shallow(found: object) -> None:
    level, depth = _nested([found]), 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} levels")
        level = _nested([inner for outer in level for inner in outer])


def _nested(values: Sequence[object]) -> list[list[object]]:
    """Return what the lists and objects among some values hold."""
    return [
        list(one.values()) if isinstance(one, dict) else one for one in values if isinstance(one, dict | list)
    ]
