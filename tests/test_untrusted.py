"""Files of unknown origin: what is not a regular file of bounded size is not read, and JSON is strict."""

import os
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from neuroswitch.errors import BadRun
from neuroswitch.storage import read_json, read_jsonl, require_signed, signed
from neuroswitch.tensor_files import read_tensors
from neuroswitch.untrusted import DEEPEST, LARGEST_LINE, parse_json, read_inside, read_named


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": 9223372036854775808}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b"[" + b"[]," * 5_000_000 + b"[]]",
        b"[" + b"1," * 2_000_000 + b"1]",
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        '{"a": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        b"",
    ],
)
def test_json_that_is_not_strict_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        parse_json(content)


def test_a_large_document_is_still_read_fast() -> None:
    began = time.process_time()
    site = b'{"layer": 1, "path": "model.layers.1.mlp.down_proj", "kind": "dense", "width": 8, "experts": 1}'
    assert parse_json(b"[" + b",".join([site] * 100_000) + b"]")
    assert time.process_time() - began < 5


def test_strict_json_is_read() -> None:
    assert parse_json(b'{"a": [1, -2.5, "\\u00e4\\ud83d\\ude00", null]}') == {"a": [1, -2.5, "ä😀", None]}
    deepest = b"[" * DEEPEST + b"]" * DEEPEST
    assert parse_json(deepest)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "device", "sparse", "loop"])
def test_only_regular_files_of_bounded_size_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.json"
    other = tmp_path / "secret"
    other.write_text('{"a": 1}')
    if kind == "link":
        path.symlink_to(other)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    began = time.monotonic()
    with pytest.raises(OSError, match=r"link|no regular file|are read"):
        read_inside(tmp_path, "a.json")
    with pytest.raises(BadRun):
        read_json(path)
    if kind != "loop":  # a link to nothing has no rows, as a file that is missing
        with pytest.raises(BadRun):
            list(read_jsonl(path))
    assert time.monotonic() - began < 1


def test_a_file_that_the_user_names_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert read_named(tmp_path / "link", 1) == b"x"
    with pytest.raises(OSError, match="at most 0"):
        read_named(tmp_path / "link", 0)
    with pytest.raises(OSError, match="changed while"):
        read_named(Path("/proc/self/status"), 100)  # claims to be empty


def test_links_of_the_hubs_cache_lead_to_blobs_of_the_same_repository_only(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--a--b" / "snapshots" / "123", tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "f00").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    (snapshot / "good").symlink_to("../../blobs/f00")
    (snapshot / "bad").symlink_to("../../../secret")
    (blobs / "f01").symlink_to(tmp_path / "secret")
    (snapshot / "worse").symlink_to("../../blobs/f01")
    assert read_inside(snapshot, "good") == b"{}"
    for name in ("bad", "worse"):
        with pytest.raises(OSError, match="a link"):
            read_inside(snapshot, name)
    (blobs / "f00").unlink()
    (blobs / "f01").unlink()
    blobs.rmdir()
    blobs.symlink_to(tmp_path)
    (snapshot / "worst").symlink_to("../../blobs/secret")
    with pytest.raises(OSError, match="a link"):
        read_inside(snapshot, "worst")


def test_a_line_that_never_ends_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.truncate(LARGEST_LINE + 2)
    with pytest.raises(BadRun, match="longer than"):
        list(read_jsonl(path))


def test_a_deeply_nested_row_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b'{"a":' + b"[" * 100_000 + b"\n")
    with pytest.raises(BadRun, match="line 2"):
        list(read_jsonl(path))


def test_a_signed_document_is_refused_after_any_change() -> None:
    document = signed({"a": {2: 1, 10: 2}, "b": (1.5, "x")})
    require_signed(document)
    require_signed(dict(reversed(document.items())))
    for changed in ({**document, "b": [1.5, "y"]}, {**document, "c": 1}, {"a": 1}):
        with pytest.raises(ValueError, match="changed after it was written"):
            require_signed(changed)


SHAPES = {"ids": (torch.int64, (-1,)), "values": (torch.float32, (-1, 2))}


def file_of(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def test_tensors_that_are_expected_are_read() -> None:
    tensors = {"ids": torch.tensor([1, 2]), "values": torch.ones(2, 2)}
    found = read_tensors(save(tensors, metadata={"note": "x"}), SHAPES)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    empty = {"ids": torch.zeros(0, dtype=torch.int64), "values": torch.zeros(0, 2)}
    assert read_tensors(save(empty), SHAPES)["values"].shape == (0, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 64,
        file_of(b"[]"),
        file_of(b'{"ids": 3}'),
        file_of(b'{"ids": {"dtype": "F4", "shape": [1], "data_offsets": [0, 1]}}', b"1"),
        file_of(b'{"__metadata__": {"a": 1}}'),
        save({"ids": torch.tensor([1])}),
        save({"ids": torch.tensor([1.0]), "values": torch.ones(1, 2)}),
        save({"ids": torch.tensor([1]), "values": torch.ones(2)}),
        save({"ids": torch.tensor([1]), "values": torch.ones(1, 2) * torch.inf}),
        save({"ids": torch.tensor([1]), "values": torch.ones(1, 2)}) + b"more",
        save({"ids": torch.tensor([1]), "values": torch.ones(1, 2)})[:-1],
        # sizes that are claimed, not there
        file_of(
            b'{"ids": {"dtype": "I64", "shape": [1099511627776], "data_offsets": [0, 8796093022208]},'
            b'"values": {"dtype": "F32", "shape": [0, 2], "data_offsets": [0, 0]}}'
        ),
        # two tensors of the same bytes
        file_of(
            b'{"ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},'
            b'"values": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}',
            b"\0" * 8,
        ),
    ],
)
def test_tensors_that_are_not_expected_are_refused_before_they_are_made(content: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        read_tensors(content, SHAPES)
