"""Files are whole or absent, and a torn JSONL row is never read as data."""

import errno
import json
from pathlib import Path

import pytest

from neuroswitch.errors import BadRun, Prerequisite
from neuroswitch.storage import (
    append_jsonl,
    digest,
    new_folder,
    read_json,
    read_jsonl,
    replace_atomic,
    updated_folder,
    write_atomic,
    write_json,
)


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


@pytest.mark.parametrize("content", [None, "[1]", '{"a": ', "\xff"])
def test_a_missing_or_damaged_object_is_an_error_of_the_kind_asked_for(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadRun, match=r"a\.json(.|\n)*a JSON object"):
        read_json(path)
    assert read_json(write_json(path, {"a": 1})) == {"a": 1}


def test_a_new_folder_is_whole_or_absent_and_replaces_nothing(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    with pytest.raises(Prerequisite, match="No space left"), new_folder(place) as filled:
        (filled / "half").touch()
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
    with new_folder(place) as filled:
        (filled / "a").touch()
    assert [path.name for path in place.iterdir()] == ["a"]
    with pytest.raises(Prerequisite, match="exists already"), new_folder(place):
        pass


def test_an_updated_folder_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    place.mkdir()
    for name in ("mine", "old", "other"):
        (place / name).write_text("before")
    with updated_folder(place, ["mine", "old"]) as filled:
        (filled / "mine").write_text("after")
    assert {path.name: path.read_text() for path in place.iterdir()} == {"mine": "after", "other": "before"}
