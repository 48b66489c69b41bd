"""Count the structure of a source tree: files, lines, and which packages import each other.

    python benchmarks/structure.py src OTHER_CHECKOUT/src

Imports are read with grimp, the library behind import-linter. A room is a folder of modules, or a module beside
the folders. An arrow is a room that imports another one. `both ways` counts pairs of rooms that import each other.
`backwards` counts the imports that would have to go before every package had an order, as
grimp's `nominate_cycle_breakers` finds them, at all depths. `past a door` counts imports of a module inside a
package from outside that package.
"""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

import grimp


def main(sources: list[Path]) -> None:
    """Print one column of counts for each source folder."""
    columns = [counts(source) for source in sources]
    print(f"{'':34}" + "".join(f"{source!s:>26}" for source in sources))
    for name in columns[0]:
        print(f"{name:34}" + "".join(f"{column[name]:>26,}" for column in columns))


def counts(source: Path) -> dict[str, int]:
    """Count what a source folder holds."""
    files = [path for path in source.rglob("*.py") if "phrases" not in path.parts]
    texts = [path.read_text(encoding="utf-8") for path in files]
    names = Counter(name for text in texts for name in public_names(text))
    return {
        "files without phrase tables": len(files),
        "lines without phrase tables": sum(text.count("\n") for text in texts),
        "Any": sum(len(re.findall(r"\bAny\b", code)) for code in texts),
        "dict[str, Any]": sum(code.count("dict[str, Any]") for code in texts),
        "public names defined twice": sum(n > 1 for n in names.values()),
        **arrows(source),
    }


def public_names(text: str) -> list[str]:
    """List the classes and functions that a module defines at its top level, private ones left out."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [n.name for n in ast.parse(text).body if isinstance(n, kinds) and not n.name.startswith("_")]


def arrows(source: Path) -> dict[str, int]:
    """Count the imports between the rooms of the package in a source folder."""
    sys.path.insert(0, str(source.resolve()))
    sys.modules.pop("neuroswitch", None)
    try:
        graph = grimp.build_graph("neuroswitch", cache_dir=None)
    finally:
        sys.path.pop(0)
    packages = {name.rpartition(".")[0] for name in graph.modules} - {"", "neuroswitch"}

    def room(module: str) -> str:
        folder = module.rpartition(".")[0]
        return folder if folder in packages and module not in packages else module

    steps = [
        (importer, imported)
        for importer in graph.modules - {"neuroswitch"}
        for imported in graph.find_modules_directly_imported_by(importer) - {"neuroswitch"}
        if room(importer) != room(imported)
    ]
    edges = {(room(importer), room(imported)) for importer, imported in steps}
    return {
        "rooms": len({room(module) for module in graph.modules}),
        "arrows between rooms": len(edges),
        "imports from room to room": len(steps),
        "past a door": sum(past_a_door(*step, packages) for step in steps),
        "rooms that import both ways": sum((b, a) in edges for a, b in edges) // 2,
        "imports that go backwards": sum(len(graph.nominate_cycle_breakers(name)) for name in packages),
    }


def past_a_door(importer: str, imported: str, packages: set[str]) -> bool:
    """Say whether a module inside a top-level package is imported from outside that package."""
    package = ".".join(imported.split(".")[:2])
    return package in packages and imported != package and not importer.startswith(package)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:] or ["src"]])
