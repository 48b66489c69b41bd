"""Rows of a prompt file, JSONL or CSV, each with the line where it stands.

Column names ignore case; an empty cell counts as absent; columns without a meaning here are ignored. Two columns
that mean the same are refused where both are filled, because nobody can know which one is meant.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.prompts.prompt import Prompt
from neuroswitch.untrusted import parse_json, read_named

LARGEST_FILE = 2**26
"""Bytes; a hundred times the largest set of prompts that is in use."""

MOST_COLUMNS = 1000

# JailbreakBench and AdvBench call the prompt their goal.
ALIASES = {"goal": "prompt"}


class Row(NamedTuple):
    """One row: where it stands ("pairs.csv, line 7"), and its filled columns by name in lower case."""

    source: str
    fields: Mapping[str, object]


def read_rows(path: str | Path) -> list[Row]:
    """Read a `.jsonl` or `.csv` file, UTF-8.

    Raises:
        Prerequisite: The file cannot be read.
        BadPrompts: It is not UTF-8 text, of another format, empty, or has a malformed row.
    """
    path = Path(path)
    try:
        text = read_named(path, LARGEST_FILE).decode("utf-8-sig")
    except OSError as error:
        raise Prerequisite(
            f"could not read {path}", found=error.strerror or str(error), do="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise BadPrompts(
            f"{path}: not UTF-8 text",
            found=f"byte {error.object[error.start]:#04x} at offset {error.start}",
            do="save the file as UTF-8",
        ) from error
    return parse_rows(text, path.name)


def parse_rows(text: str, name: str) -> list[Row]:
    """Parse the text of the file `name`, whose suffix is its format.

    Raises:
        BadPrompts: As for `read_rows`.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in _PARSERS:
        raise BadPrompts(
            f"{name}: unknown format", found=suffix or "no suffix", expected="a .jsonl or .csv file"
        )
    rows = list(_PARSERS[suffix](text, name))
    if not rows:
        raise BadPrompts(f"{name}: no rows", expected="one prompt per row")
    return rows


def make_row(source: str, cells: Mapping[str, object]) -> Row:
    """Make a row of cells: names in lower case, aliases replaced, empty cells left out.

    Raises:
        BadPrompts: Two columns mean the same, such as `prompt` and `Goal`, and hold different things.
    """
    fields: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, cell in cells.items():
        if cell is None or cell == "":
            continue
        lowered = name.strip().lower()
        key = ALIASES.get(lowered, lowered)
        if key in fields and fields[key] != cell:
            raise BadPrompts(
                f"{source}: the columns {names[key]!r} and {name!r} both hold the {key}",
                found=f"{str(fields[key])[:40]!r} and {str(cell)[:40]!r}",
                expected=f"one column with the {key}; Goal is another name for prompt, and case is ignored",
                do="rename or remove the column that is not meant",
            )
        fields[key], names[key] = cell, name
    return Row(source, fields)


def prompt_of(row: Row) -> Prompt:
    """Make a prompt of the columns `prompt` or `messages`, `id` and `group` of a row.

    Raises:
        BadPrompts: Neither or both of the first two are there, or their content is malformed.
    """
    given = [key for key in ("prompt", "messages") if key in row.fields]
    if len(given) != 1:
        raise BadPrompts(
            f"{row.source}: " + ("both a prompt and messages" if given else "no prompt"),
            found="columns " + (", ".join(row.fields) or "(all empty)"),
            expected="either prompt (also called Goal), a text, or messages, a list of chat messages",
        )
    content, chat = row.fields[given[0]], given[0] == "messages"
    if chat and isinstance(content, str):
        content = _json(content, row.source)
    if not ((chat and isinstance(content, list)) or (not chat and isinstance(content, str))):
        raise BadPrompts(
            f"{row.source}: malformed {given[0]}",
            found=repr(content)[:80],
            expected='a list of {"role": ..., "content": ...}' if chat else "a text",
        )
    group = row.fields.get("group")
    return Prompt.of(
        content,
        id=str(row.fields.get("id", "")),
        group=None if group is None else str(group),
        source=row.source,
    )


def _jsonl(text: str, name: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        source = f"{name}, line {number}"
        cells = _json(line, source)
        if not isinstance(cells, dict):
            raise BadPrompts(
                f"{source}: not a JSON object", found=repr(cells)[:80], expected='{"prompt": "..."}'
            )
        yield make_row(source, cells)


def _csv(text: str, name: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    start = 2  # a quoted cell may span lines, so a row starts after the end of the row before
    try:
        columns = reader.fieldnames or ()
        if len(columns) > MOST_COLUMNS:
            raise BadPrompts(f"{name}: {len(columns)} columns", expected=f"at most {MOST_COLUMNS}")
        _refuse_repeats(columns, f"{name}: a column twice")
        for cells in reader:
            source = f"{name}, line {start}"
            start = reader.line_num + 1
            if None in cells:
                raise BadPrompts(
                    f"{source}: more cells than columns",
                    found=repr(cells[None])[:80],
                    expected="columns " + ", ".join(reader.fieldnames or ()),
                    do="put quotes around a text that contains commas",
                )
            yield make_row(source, cells)
    except csv.Error as error:
        raise BadPrompts(f"{name}, line {reader.line_num}: not CSV", found=str(error)) from error


def _refuse_repeats(names: Sequence[str], headline: str) -> None:
    """Refuse names that are given twice: Python would keep the last one and say nothing."""
    if again := [name for name, count in Counter(names).items() if name and count > 1]:
        raise BadPrompts(headline, found=repr(again[0]), do="rename or remove the one that is not meant")


def _json(text: str, source: str) -> object:
    try:
        return parse_json(text.encode())
    except ValueError as error:
        raise BadPrompts(
            f"{source}: not JSON", found=f"{text[:80]!r} ({error})", expected="one JSON object on each line"
        ) from error


_PARSERS = {".jsonl": _jsonl, ".csv": _csv}
