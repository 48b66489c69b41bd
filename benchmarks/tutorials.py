"""Run the tutorials and write their outputs back into the notebooks.

python benchmarks/tutorials.py [NAME ...]

Needs the demo model, which is fetched on first use, and for `other-engines` its GGUF file (0.5 GB), which is
fetched each time. Each notebook runs in an empty folder of its own. What a program writes to stderr (progress
bars, warnings of libraries about this machine) is left out.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from neuroswitch.models.demo import write_demo_gguf

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
SECONDS = 3600
"""How long one cell may take."""


def executed(name: str, folder: Path, parameters: Mapping[str, object] = {}) -> NotebookNode:
    """Run a tutorial in a folder and return it with its outputs.

    Args:
        name: Of the notebook, without its suffix.
        folder: What it writes goes there.
        parameters: New values for names that its parameters cell sets; the cell is run first, as it is.

    Raises:
        CellExecutionError: A cell failed.
        ValueError: A parameter is none that the cell sets.
    """
    notebook = nbformat.read(TUTORIALS / f"{name}.ipynb", as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    known: dict[str, object] = {}
    exec(notebook.cells[place].source, known)
    if unknown := set(parameters) - set(known):
        raise ValueError(f"{name} has no parameters {sorted(unknown)}")
    given = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    if given:
        notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(given))
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    return notebook


def main(names: list[str]) -> None:
    """Run the named tutorials, or all of them."""
    for name in names or sorted(path.stem for path in TUTORIALS.glob("*.ipynb")):
        print(f"running {name}", flush=True)
        with TemporaryDirectory() as folder:
            if name == "other-engines":
                write_demo_gguf(Path(folder) / "demo.gguf")
            notebook = executed(name, Path(folder))
        notebook.metadata.language_info = {"name": "python"}  # without the version on this machine
        nbformat.write(notebook, TUTORIALS / f"{name}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
