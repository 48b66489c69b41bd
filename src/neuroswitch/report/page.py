"""A summary and its answers in, one self-contained HTML page out.

No model, no torch, no network. The page carries its style and its figures, runs no script, and forbids
itself every request. All text in it is untrusted and escaped.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from neuroswitch.records import AnswerRow, read_answers
from neuroswitch.report import plots, view, words
from neuroswitch.report.sections import SECTIONS
from neuroswitch.report.view import View
from neuroswitch.storage import write_atomic
from neuroswitch.summary import Summary

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


def write_page(folder: Path, summary: Summary, *, show_completions: bool = False) -> Path:
    """Write the page of an experiment with the answers in its folder.

    Args:
        folder: Where `results.jsonl` lies and `report.html` is written.
        summary: What was found.
        show_completions: As for `render_page`.

    Returns:
        Where the page is.

    Raises:
        BadRun: A row of `results.jsonl` is damaged.
    """
    page = render_page(summary, list(read_answers(folder)), show_completions=show_completions)
    return write_atomic(folder / REPORT, page)


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
