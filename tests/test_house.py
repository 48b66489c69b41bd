"""The house rules that no linter knows, checked on the syntax tree of every file."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "neuroswitch"
FILES = sorted(SOURCE.rglob("*.py"))
ALL_FILES = [
    path for folder in ("src", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
]

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}


def test_a_file_fits_in_one_head() -> None:
    lengths = {place(path): len(path.read_text().splitlines()) for path in ALL_FILES}

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_a_file_says_what_it_is() -> None:
    assert [place(path) for path in FILES if not ast.get_docstring(tree(path))] == []


def test_a_function_fits_on_one_screen() -> None:
    lengths = {
        f"{place(path)}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_hooks_are_registered_in_one_place_only() -> None:
    homes = {
        path.relative_to(SOURCE).as_posix()
        for path in FILES
        for name, _ in names(path)
        if "register_" in name and name.endswith("hook")
    }

    assert homes == {"sites/modules.py"}


def test_packages_are_entered_by_their_doors_only() -> None:
    packages = {path.parent.name for path in FILES if path.name == "__init__.py" and path.parent != SOURCE}

    assert [
        f"{place(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and (parts := (node.module or "").split("."))[0] == "neuroswitch"
        and len(parts) > 2
        and parts[1] in packages
        and path.relative_to(SOURCE).parts[0] != parts[1]
    ] == []


def test_a_public_name_is_defined_once() -> None:
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(place(path))

    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_nothing_is_unpickled() -> None:
    assert [
        where
        for path in FILES
        for name, where in names(path)
        if name.partition(".")[0] in UNPICKLERS or name == "torch.load"
    ] == []


@cache
def tree(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text())


def place(path: Path) -> str:
    """Name a file as the developer sees it."""
    return str(path.relative_to(ROOT))


def names(path: Path) -> Iterator[tuple[str, str]]:
    """Yield every attribute, plain name and imported name of a file, with its place."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node), f"{place(path)}:{node.lineno}"
        elif isinstance(node, ast.Import):
            yield from ((alias.name, f"{place(path)}:{node.lineno}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                (f"{node.module}.{alias.name}", f"{place(path)}:{node.lineno}") for alias in node.names
            )
