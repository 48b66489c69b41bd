"""JSON in, one self-contained HTML page out.

Reads what `schema.py` describes and nothing else: no model, no torch, no network. The page
carries its style and its figures, runs no script, and forbids itself every request. All text in
it is untrusted and escaped.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from neuroswitch.errors import BadRun
from neuroswitch.report import comparison, models, run, words
from neuroswitch.report.schema import SCHEMA
from neuroswitch.storage import read_jsonl, write_atomic

SUMMARY, RESULTS, REPORT = "summary.json", "results.jsonl", "report.html"
PROVENANCE = "provenance.json"


class Context(Protocol):
    """Takes what a template needs from a summary and its rows."""

    def __call__(self, summary: Any, rows: Sequence[Any], *, show_completions: bool) -> dict[str, Any]:
        """Return the variables of the template."""


PAGES: Mapping[str, tuple[str, Context]] = {
    "run": ("run.html.j2", run.context),
    "comparison": ("comparison.html.j2", comparison.context),
    "models": ("models.html.j2", models.context),
}
"""Kind of summary -> its template and what fills it."""


def render(
    summary: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, show_completions: bool = False
) -> str:
    """Return the report of a run, of a comparison or of a study of two models as one HTML page.

    Args:
        summary: A `RunSummary`, a `Comparison` or a `ModelsSummary`.
        rows: The rows of `results.jsonl`; may be empty where completions are not kept.
        show_completions: Whether the page may contain what the model wrote in a sensitive run.

    Raises:
        BadRun: The summary is of another schema or kind, or lacks a key.
    """
    kind = summary.get("kind", "run")
    if summary.get("schema") != SCHEMA or kind not in PAGES:
        raise BadRun(
            "this summary cannot be rendered",
            found=f"schema {summary.get('schema')!r}, kind {kind!r}",
            expected=f"schema {SCHEMA}, kind {' or '.join(map(repr, PAGES))}",
            do="rebuild it with the version that wrote it, or run the command again",
        )
    name, context = PAGES[kind]
    try:
        variables = {**_common(summary), **context(summary, rows, show_completions=show_completions)}
        return _templates().get_template(name).render(variables)
    except (KeyError, UndefinedError) as error:
        raise BadRun(
            "this summary, or a row of its results, is incomplete",
            found=f"no {error}" if isinstance(error, KeyError) else str(error),
            do="run the command again: it goes on where it stopped",
        ) from error


def _common(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of `base.html.j2` that every page has."""
    provenance = summary["provenance"]
    return {
        "summary": summary,
        "date": provenance.get("date", "")[:10],
        "command": provenance.get("command", ""),
        "version": provenance.get("versions", {}).get("neuroswitch", ""),
        "records": _records(summary),
    }


def _records(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the tables of facts; what was recorded with a part, such as the circuit, gets its own."""
    provenance = {key: value for key, value in summary["provenance"].items() if key != "command"}
    parts = {key: value for key, value in provenance.items() if isinstance(value, dict) and key != "versions"}
    own = {key: value for key, value in provenance.items() if key not in parts}
    records = [
        ("Model", summary["model"]),
        ("Settings", summary["settings"]),
        ("Prompts", summary["prompts"]),
    ]
    for name, part in parts.items():
        told = {key: value for key, value in part.items() if key not in ("model", "versions", "command")}
        records.append((name.capitalize(), told))
    return [*records, ("Provenance", own)]


def rebuild(
    folder: Path, provenance: Mapping[str, object] | None = None, *, show_completions: bool = False
) -> Path:
    """Render the report of a finished run again from the files in its folder.

    Returns:
        Where the page is: `report.html` in that folder.

    Raises:
        BadRun: The folder has no readable `summary.json`, or a damaged `results.jsonl`.
    """
    folder = Path(folder)
    summary = _read_json(folder / SUMMARY)
    if (folder / PROVENANCE).exists():  # kept apart where equal runs shall have equal summaries
        summary["provenance"] = {**summary.get("provenance", {}), **_read_json(folder / PROVENANCE)}
    page = render(summary, list(read_jsonl(folder / RESULTS)), show_completions=show_completions)
    return write_atomic(folder / REPORT, page)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRun(
            f"{path} cannot be read",
            found=f"{type(error).__name__}: {error}",
            do="name the folder of a finished run; one that was interrupted goes on if it is run again",
        ) from error
    if not isinstance(summary, dict):
        raise BadRun(f"{path} is not a summary", found=type(summary).__name__, expected="a JSON object")
    return summary


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("neuroswitch.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    writers = (
        words.percent,
        words.share,
        words.points,
        words.between,
        words.number,
        words.plain,
        words.whole,
        words.p_value,
        words.visible,
        words.facts,
    )
    environment.filters.update({writer.__name__: writer for writer in writers})
    return environment
