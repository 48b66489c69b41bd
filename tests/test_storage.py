"""Files are whole or absent, and a torn JSONL row is never read as data."""

import errno
import json
from pathlib import Path

import pytest

from neuroswitch.errors import BadRun, Prerequisite
from neuroswitch.storage import append_jsonl, digest, read_jsonl, replace_atomic, write_atomic, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_atomic(tmp_path / "a.json", "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half of the new")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Prerequisite, match="No space left"):
        replace_atomic(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    def interrupt(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_atomic(tmp_path / "a", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_nan_is_refused_rather_than_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"rate": float("nan")})


def test_a_torn_last_row_is_dropped_and_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, [{"i": 0}, {"i": 1}])
    with path.open("ab") as file:
        file.write(b'{"i": 2, "te')
    assert [row["i"] for row in read_jsonl(path)] == [0, 1]
    append_jsonl(path, [{"i": 2}])
    assert [json.loads(line)["i"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_a_damaged_row_in_the_middle_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"i": 0}\nnot json\n{"i": 1}\n')
    with pytest.raises(BadRun, match="line 2"):
        list(read_jsonl(path))


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert list(read_jsonl(tmp_path / "none.jsonl")) == []


def test_digest_depends_on_content_not_on_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
