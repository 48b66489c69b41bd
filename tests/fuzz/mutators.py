"""Ways to damage a file: JSON, JSONL, safetensors, any bytes, and the kind of the file itself.

Each takes a random generator, so that a case is named by its number and can be repeated.
"""

import copy
import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

Mutate = Callable[[random.Random, bytes], bytes]

SECRET = "the secret of another folder"
"""What lies in a file outside the folder; it must never be copied."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 64, 2**31, 2**40, 2**63, -(2**63), 10**30, 10**4000),
    *(0.5, -1.5, 1e308, 5e-324, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "x",
        "0",
        "stop",
        "error",
        "\x00",
        "\x1b[2J",
        "two\nlines",
        "[/red]",
        "é\u202e",
        "../../../etc/passwd",
    ),
    *("x" * 300, "x" * 5000, "a/" * 2000, "\ud800"),
    *([], {}, [None], [[]], [1, 2], {"": 1}, {"a": {"a": {}}}, [{}] * 3, ["x"], [0] * 1000),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of everything inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inside for found in [(*path, key), *places(one, (*path, key))]]


def changed_value(rng: random.Random, value: Any) -> Any:
    """Change one place of a JSON value: another value, nothing, twice, in another place."""
    value = copy.deepcopy(value)
    found = places(value)
    if not found:
        return rng.choice(VALUES)
    *path, key = rng.choice(found)
    parent = value
    for step in path:
        parent = parent[step]
    other = rng.choice(["value", "value", "value", "near", "drop", "add", "swap", "repeat"])
    if other == "value":
        parent[key] = copy.deepcopy(rng.choice(VALUES))
    elif other == "near":
        parent[key] = near(rng, parent[key])
    elif other == "drop":
        del parent[key]
    elif other == "add" and isinstance(parent, dict):
        parent[rng.choice(["extra", "", "version", "sha256", "__class__", "x" * 500])] = rng.choice(VALUES)
    elif other == "swap":
        another = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
        parent[key], parent[another] = parent[another], parent[key]
    elif isinstance(parent, list):
        parent.insert(0, copy.deepcopy(parent[key]))
    else:
        parent[str(key) + "2"] = copy.deepcopy(parent[key])
    return value


def near(rng: random.Random, value: Any) -> Any:
    """Return a value of the same type that differs a little."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice([-1, 1, 100, -value - 1])
    if isinstance(value, float):
        return rng.choice([-value, value * 2, value + 1e-9])
    if isinstance(value, str):
        return rng.choice([value[::-1], value[:-1], value + " ", value.upper(), value * 2])
    return value


def changed_json(rng: random.Random, content: bytes) -> bytes:
    """Change what a JSON file says."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return changed_bytes(rng, content)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        value = changed_value(rng, value)
    return json.dumps(value, indent=rng.choice([None, 2])).encode()


def changed_text(rng: random.Random, content: bytes) -> bytes:
    """Change how JSON is written: not JSON, not UTF-8, nested, with a key twice, endless numbers."""
    text = content.decode("utf-8", "replace")
    deep = rng.choice([70, 1000, 100_000])
    return rng.choice(
        [
            lambda: b"[" * deep,
            lambda: b'{"a":' * deep + b"1" + b"}" * deep,
            lambda: content.rstrip()[:-1] + b',"a":' + b"[" * deep + b"]" * deep + b"}",
            lambda: content.replace(b":", b":NaN,", 1),
            lambda: content.replace(b"0", b"1e999", 1),
            lambda: content.replace(b"1", b"1" * 5000, 1),
            lambda: b"{" + content.strip()[1:-1] + b"," + content.strip()[1:],  # every key twice
            lambda: content.replace(b'"', b'"\\ud800', 1),
            lambda: text.encode("utf-16"),
            lambda: text.encode("utf-32"),
            lambda: b"\xef\xbb\xbf" + content,
            lambda: content.replace(b"a", b"\xe4", 1),
            lambda: content + b" " * 10**5,
            lambda: content + content,
            lambda: b"",
            lambda: b"null",
            lambda: b"[" + b"[]," * rng.choice([10**5, 5 * 10**6]) + b"[]]",
            lambda: b"\x00" * 1000,
        ]
    )()


def changed_bytes(rng: random.Random, content: bytes) -> bytes:
    """Change some bytes, wherever they are."""
    data, at = bytearray(content), rng.randrange(len(content) + 1)
    kind = rng.choice(["flip", "cut", "insert", "remove", "append"])
    if kind == "flip" and content:
        for _ in range(rng.choice([1, 1, 4])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "remove":
        del data[at : at + rng.choice([1, 8, 100])]
    else:
        at = at if kind == "insert" else len(data)
        data[at:at] = rng.randbytes(rng.choice([1, 8, 100]))
    return bytes(data)


def changed_rows(rng: random.Random, content: bytes) -> bytes:
    """Change a JSONL file: one row, or the rows as a whole."""
    rows = content.splitlines(keepends=True)
    if not rows:
        return b"\n"
    at, kind = rng.randrange(len(rows)), rng.choice(["json", "json", "json", "text", "drop", "twice", "all"])
    if kind in ("json", "text"):
        change = changed_json if kind == "json" else changed_text
        rows[at] = change(rng, rows[at]).replace(b"\n", b" ") + b"\n"
    elif kind == "drop":
        del rows[at]
    elif kind == "twice":
        rows.append(rows[at])
    else:
        return rng.choice([b"", b"\n", b"".join(rows)[:-1], b"".join(rows) + b"{"])
    return b"".join(rows)


def changed_tensors(rng: random.Random, content: bytes) -> bytes:
    """Change a safetensors file: the length of its header, what the header says, the numbers."""
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length], content[8 + length :]
    kind = rng.choice(["length", "header", "header", "claim", "text", "numbers", "bytes", "bytes"])
    if kind == "length":
        claimed = rng.choice([0, 1, length - 1, length + 1, 2**31, 2**40, 2**64 - 1, len(content)])
        return struct.pack("<Q", claimed) + header + data
    if kind == "claim":  # sizes that the file does not have
        entries = json.loads(header)
        name = rng.choice([name for name in entries if name != "__metadata__"] or ["x"])
        size = rng.choice([2**20, 2**33, 2**62, -1])
        entries[name] = {
            "dtype": "F32",
            "shape": [size],
            "data_offsets": [0, rng.choice([4 * size, len(data)])],
        }
        header = json.dumps(entries).encode()
    elif kind in ("header", "text"):
        header = (changed_json if kind == "header" else changed_text)(rng, header)
    elif kind == "numbers" and len(data) >= 8:
        at = rng.randrange(len(data) // 4) * 4
        value = rng.choice([b"\xff" * 4, struct.pack("<f", float("inf")), struct.pack("<i", -1), b"\0" * 4])
        data = data[:at] + value + data[at + 4 :]
    else:
        return changed_bytes(rng, content)
    return struct.pack("<Q", len(header)) + header + data


def changed_kind(rng: random.Random, path: Path, outside: Path) -> str:
    """Put something else where a file was; `outside` is a file that holds `SECRET`."""
    kind = rng.choice(
        ["link", "inner", "zero", "nowhere", "loop", "pipe", "sparse", "folder", "missing", "copy"]
    )
    content = path.read_bytes()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "sparse":
        path.write_bytes(content)
        os.truncate(path, rng.choice([2**32, 2**40]))
    elif kind == "folder":
        path.mkdir()
    elif kind == "inner":  # the right content, behind a link
        (path.parent / "elsewhere").write_bytes(content)
        path.symlink_to("elsewhere")
    elif kind == "copy":
        others = [other for other in path.parent.iterdir() if other.is_file()]
        shutil.copyfile(rng.choice(others), path) if others else path.touch()
    elif kind != "missing":
        path.symlink_to({"link": outside, "zero": "/dev/zero", "loop": path}.get(kind, "nowhere"))
    return kind
