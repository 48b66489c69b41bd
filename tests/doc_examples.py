"""The examples of README, docs, tutorials and docstrings, as text: where they stand and what they say."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "docs").rglob("*.ipynb")),
]
SHELL = "bash"
LANGUAGES = {"python", SHELL, "text", "toml"}
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
INLINE = re.compile(r"`(neuroswitch [^`]*)`")


class Block(NamedTuple):
    """A fenced block: page, line of its fence, language, text."""

    page: str
    line: int
    language: str
    text: str


def name_of(path: Path) -> str:
    """Name a page as people call it."""
    return path.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    """Return the text of a page; of a notebook, its text cells."""
    content = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return content
    cells = json.loads(content)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def blocks() -> list[Block]:
    """List every fenced block of every page."""
    return [
        Block(name_of(page), text.count("\n", 0, one.start()) + 1, one[2], one[3])
        for page in PAGES
        for text in (text_of(page),)
        for one in FENCE.finditer(text)
    ]


def commands() -> list[tuple[str, str]]:
    """List every command line: (page and line, command); comments and continued lines are put right."""
    found = []
    for block in blocks():
        if block.language == SHELL:
            lines = block.text.replace("\\\n", " ").splitlines()
            found += [(f"{block.page}:{block.line}", line.strip()) for line in lines if line.strip()]
    for page in PAGES:
        outside = FENCE.sub("", text_of(page))
        found += [(name_of(page), one) for one in INLINE.findall(outside)]
    return [(where, line) for where, line in found if not line.startswith("#")]


def links() -> list[tuple[str, Path]]:
    """List the files and folders to which pages link: (page, target)."""
    return [
        (name_of(page), page.parent / target)
        for page in PAGES
        for target in LINK.findall(FENCE.sub("", text_of(page)))
    ]


class Docstring(NamedTuple):
    """A docstring with examples: module, dotted name of its owner, line, text."""

    module: str
    owner: str
    line: int
    text: str


def docstrings() -> list[Docstring]:
    """List every docstring of the source that has an example."""
    return [one for path in sorted(SOURCE.rglob("*.py")) for one in _of_module(path) if ">>>" in one.text]


def _of_module(path: Path) -> Iterator[Docstring]:
    module = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    yield from _of_node(ast.parse(path.read_text(encoding="utf-8")), module, module)


def _of_node(node: ast.AST, module: str, owner: str) -> Iterator[Docstring]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        if text := ast.get_docstring(node):
            yield Docstring(module, owner, node.body[0].lineno, text)
        for child in node.body:
            yield from _of_node(child, module, f"{owner}.{getattr(child, 'name', '')}")
