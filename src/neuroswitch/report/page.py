"""A summary and its answers in, one self-contained HTML page out.

No model, no torch, no network. The page carries its style and its figures, runs no script, and forbids
itself every request. All text in it is untrusted and escaped.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from neuroswitch.records import AnswerRow, read_answers
from neuroswitch.report import plots, view, words
from neuroswitch.report.sections import SECTIONS
from neuroswitch.report.summary import Summary, parse_summary
from neuroswitch.report.view import View
from neuroswitch.storage import read_json, write_atomic

REPORT = "report.html"

FILTERS = (
    *(words.percent, words.share, words.points, words.between, words.number, words.short_number),
    *(words.thousands, words.p_value, words.visible, words.facts),
)


def render_page(summary: Summary, answers: Sequence[AnswerRow], *, show_completions: bool = False) -> str:
    """Return the page of an experiment.

    Args:
        summary: What it found.
        answers: The rows of `results.jsonl`; may be empty where completions are not kept.
        show_completions: Whether the page may contain answers to the positive prompts of a sensitive behaviour.
    """
    shown = View(summary, answers, show_completions)
    sections = {name: found for name, fill in SECTIONS.items() if (found := fill(shown)) is not None}
    versions = summary.provenance.get("versions")
    template = _templates().get_template("page.html.j2")
    return template.render(
        view=shown,
        summary=summary,
        sections=sections,
        date=str(summary.provenance.get("date", ""))[:10],
        version=versions.get("neuroswitch", "") if isinstance(versions, dict) else "",
    )


def rebuild(
    folder: Path, provenance: Mapping[str, object] | None = None, *, show_completions: bool = False
) -> Path:
    """Render the page of an experiment from the files in its folder.

    Args:
        folder: Where `summary.json` and `results.jsonl` lie.
        provenance: Date, command and versions, which the summary leaves out.
        show_completions: As for `render_page`.

    Returns:
        Where the page is: `report.html` in that folder.

    Raises:
        BadRun: A file is missing or damaged.
    """
    folder = Path(folder)
    path = folder / "summary.json"
    content = read_json(path, do="name the folder of an experiment, or continue the one in it")
    summary = parse_summary(content, str(path))
    summary = summary.model_copy(update={"provenance": {**summary.provenance, **(provenance or {})}})
    page = render_page(summary, list(read_answers(folder)), show_completions=show_completions)
    return write_atomic(folder / REPORT, page)


def summary_json(summary: Summary) -> str:
    """Return a summary as the text of `summary.json`."""
    return json.dumps(summary.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("neuroswitch.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({writer.__name__: writer for writer in FILTERS})
    environment.globals.update(
        write=view.write, write_range=view.write_range, marks=view.MARKS, rate_ticks=plots.fractions().ticks
    )
    return environment
