"""What all tests share: no Hub, a cache of their own, and the demo model, loaded once."""

import os

# Read when huggingface_hub and matplotlib are imported, so set before anything else is.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from neuroswitch.errors import Prerequisite

if TYPE_CHECKING:
    from neuroswitch.models.handle import LanguageModel


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the demo model, and skip what needs a GPU where there is none."""
    for item in items:
        if "demo" in getattr(item, "fixturenames", ()):
            item.add_marker("demo")
        if item.get_closest_marker("gpu") and not _has_gpu():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch the demo model, if a chosen test needs it, before the first test's clock starts."""
    if not session.config.option.collectonly and any(map(_needs_demo, session.items)):
        from neuroswitch.models.demo import find_demo

        with suppress(Prerequisite):  # the fixture reports it
            find_demo()


@pytest.fixture(autouse=True)
def _own_cache(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keep tests off the user's cache, except those that need the demo model in it."""
    if not _needs_demo(request.node):
        monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def demo() -> "LanguageModel":
    """Return the demo model; where no source of it can be reached, skip, but never in CI."""

    from neuroswitch.models.loading import load_model

    try:
        return load_model("demo")
    except Prerequisite as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def _needs_demo(item: pytest.Item) -> bool:
    return item.get_closest_marker("demo") is not None


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
