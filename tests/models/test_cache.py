"""The cache: folders are whole or absent, and two processes make one only once."""

import threading
import time
from pathlib import Path

import pytest

from neuroswitch.errors import Prerequisite
from neuroswitch.models.cache import build_once, cache_dir


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NEUROSWITCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_dir() == tmp_path / ".cache" / "neuroswitch"
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    assert cache_dir() == Path("/shared/neuroswitch")
    monkeypatch.setenv("NEUROSWITCH_CACHE", "~/mine")
    assert cache_dir() == tmp_path / "mine"


def test_a_failed_build_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        (folder.parent / "scratch").touch()
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError, match="torn"):
        build_once(tmp_path / "thing", fail, size=0)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []

    build_once(tmp_path / "thing", lambda folder: (folder / "whole").touch(), size=0)
    assert (tmp_path / "thing" / "whole").is_file()


def test_whoever_comes_second_waits_and_builds_nothing(tmp_path: Path) -> None:
    builds: list[str] = []

    def build(folder: Path) -> None:
        builds.append(folder.name)
        time.sleep(0.2)
        (folder / "whole").touch()

    def want() -> None:
        assert (build_once(tmp_path / "thing", build, size=0) / "whole").is_file()

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(builds) == 1


def test_a_full_disk_is_noticed_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(Prerequisite, match="not enough disk space"):
        build_once(tmp_path / "thing", lambda folder: None, size=10**18)


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Prerequisite, match="NEUROSWITCH_CACHE"):
        build_once(tmp_path / "file" / "thing", lambda folder: None, size=0)
