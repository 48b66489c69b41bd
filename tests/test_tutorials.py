"""The tutorials run from top to bottom, in a short form on tiny models; their outputs are there and none is an error.

`make tutorials` runs them in full on the demo model and writes the outputs.
"""

import runpy
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from tiny_gguf import SETTINGS, write_gguf

from tiny import tiny_model
from tiny_demo import save_refusing_model

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "tutorials.py"))
NAMES = sorted(path.stem for path in SCRIPT["TUTORIALS"].glob("*.ipynb"))
ANY_ANSWER = "contains:(?s).*"
LARGEST = 300_000
"""Bytes of a notebook with its outputs."""

# of the libraries that talk to the kernel
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:jupyter_client", "ignore::ResourceWarning"
)


def a_model(folder: Path) -> dict[str, object]:
    model = str(save_refusing_model(folder / "model"))
    return {"MODEL": model, "DETECTOR": ANY_ANSWER, "SIZE": 6, "PROMPTS": 2, "TOKENS": 4}


def a_comparison(folder: Path) -> dict[str, object]:
    return {**a_model(folder), "METHODS": ("cna:next_token", "caa", "random"), "CONTROLS": 1}


def a_gguf(folder: Path) -> dict[str, object]:
    """Llama.cpp wants a vocabulary with a token for every byte."""
    pytest.importorskip("xllamacpp")
    path = str(write_gguf(tiny_model("llama", **SETTINGS), folder / "tiny.gguf"))
    return {"MODEL": path, "GGUF": path, "DETECTOR": ANY_ANSWER, "SIZE": 20, "TOKENS": 4}


SHORT: dict[str, Callable[[Path], dict[str, object]]] = {
    "compare-methods": a_comparison,
    "find-and-switch": a_model,
    "other-engines": a_gguf,
}
LEAVES = {
    "compare-methods": "runs/compare-french/report.html",
    "find-and-switch": "french-circuit/circuit.json",
    "other-engines": "french-off.gguf",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_tutorial_runs_in_its_short_form(name: str, tmp_path: Path) -> None:
    notebook = SCRIPT["executed"](name, tmp_path, SHORT[name](tmp_path))

    ran = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in ran)
    assert (tmp_path / LEAVES[name]).exists()


def test_every_tutorial_has_a_short_form() -> None:
    assert sorted(SHORT) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_holds_the_outputs_of_one_whole_run(name: str) -> None:
    path = SCRIPT["TUTORIALS"] / f"{name}.ipynb"
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [one for cell in cells for one in cell.outputs]
    assert {one.output_type for one in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [one for one in outputs if one.get("name") == "stderr"]
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_enters_packages_by_their_doors(name: str) -> None:
    source = "\n".join(cell.source for cell in nbformat.read(SCRIPT["TUTORIALS"] / f"{name}.ipynb", 4).cells)

    assert [
        line
        for line in source.splitlines()
        if line.startswith("from neuroswitch") and line.split()[1].count(".") > 1
    ] == []


def test_a_parameter_that_a_tutorial_lacks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no parameters .*TEMPERATURE"):
        SCRIPT["executed"](NAMES[0], tmp_path, {"TEMPERATURE": 1})
