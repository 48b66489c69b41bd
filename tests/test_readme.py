"""The README's ten lines run as printed, on a tiny model."""

import re
from pathlib import Path

import pytest

import neuroswitch as ns
from neuroswitch.detectors import get_detector
from sets import tiny_contrast
from tiny import tiny_llama

README = Path(__file__).parent.parent / "README.md"


def test_the_ten_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ns, "load_model", lambda source: tiny_llama(), raising=False)
    monkeypatch.setattr(ns, "detector", lambda name: get_detector("contains:(?s).*"), raising=False)
    monkeypatch.setattr(ns.ContrastSet, "builtin", staticmethod(tiny_contrast))
    lines = code.group(1).replace("size=0.001", "size=0.05")
    exec(compile(lines, str(README), "exec"), {})  # noqa: S102  our own README
    assert (tmp_path / "refusal-circuit" / "circuit.json").exists()


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^make (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE))
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    assert targets == {"demo", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
