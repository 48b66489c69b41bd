"""Names find things, unknown names list those there are, and a broken plug-in is named."""

from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

from neuroswitch import registry
from neuroswitch.errors import BadOption, Prerequisite
from neuroswitch.registry import Registry


def test_what_is_registered_is_found_and_unknown_names_list_the_known() -> None:
    shapes: Registry[int] = Registry("shape")
    shapes.register("square")(4)
    assert shapes.get("square") == 4
    with pytest.raises(BadOption, match="no shape called 'circle'") as caught:
        shapes.get("circle")
    assert "square" in str(caught.value)


def test_a_name_can_be_taken_once() -> None:
    shapes: Registry[int] = Registry("shape")
    shapes.register("square")(4)
    with pytest.raises(ValueError, match="registered already"):
        shapes.register("square")(5)


def test_the_text_after_the_colon_goes_to_the_factory() -> None:
    shapes: Registry[Callable[[str], str]] = Registry("shape")
    shapes.register("polygon")(lambda text: f"polygon with {text or 'some'} corners")
    assert shapes.make("polygon:5:6") == "polygon with 5:6 corners"
    assert shapes.make("polygon") == "polygon with some corners"


def test_a_broken_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("acme", "acme_missing_package", "neuroswitch")
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    registry.load_plugins.cache_clear()
    try:
        with pytest.raises(Prerequisite, match="acme"):
            Registry[int]("shape").names()
        registry.load_plugins.cache_clear()
        monkeypatch.setenv("NEUROSWITCH_PLUGINS", "")
        assert Registry[int]("shape").names() == []
    finally:
        registry.load_plugins.cache_clear()
