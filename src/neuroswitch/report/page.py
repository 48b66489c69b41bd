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
from neuroswitch.report import prose, view, words
from neuroswitch.report.sections import SECTIONS
from neuroswitch.report.sections.damage import pareto
from neuroswitch.report.summary import Summary, parse_summary
from neuroswitch.report.view import View
from neuroswitch.storage import read_json, write_atomic

REPORT = "report.html"


def render(summary: Summary, answers: Sequence[AnswerRow], *, show_completions: bool = False) -> str:
    """Return the page of an experiment.

    Args:
        summary: What it found.
        answers: The rows of `results.jsonl`; may be empty where completions are not kept.
        show_completions: Whether the page may contain answers to the positive prompts of a sensitive behaviour.
    """
    shown = View(summary, answers, show_completions)
    sections = {name: found for name, make in SECTIONS.items() if (found := make(shown)) is not None}
    versions = summary.provenance.get("versions")
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            view=shown,
            summary=summary,
            title=prose.title(shown),
            question=prose.question(shown),
            answer=prose.answer(shown),
            cautions=prose.cautions(shown),
            limits=prose.limits(shown),
            counted=prose.counted(shown),
            pareto=pareto(shown),
            sections=sections,
            marks=view.MARKS,
            tones=shown.verdicts,
            records=_records(summary),
            date=str(summary.provenance.get("date", ""))[:10],
            command=summary.provenance.get("command", ""),
            version=versions.get("neuroswitch", "") if isinstance(versions, dict) else "",
        )
    )


def rebuild(
    folder: Path, provenance: Mapping[str, object] | None = None, *, show_completions: bool = False
) -> Path:
    """Render the page of an experiment from the files in its folder.

    Args:
        folder: Where `summary.json` and `results.jsonl` lie.
        provenance: Date, command and versions, which the summary leaves out.
        show_completions: As for `render`.

    Returns:
        Where the page is: `report.html` in that folder.

    Raises:
        BadRun: A file is missing or damaged.
    """
    path = Path(folder) / "summary.json"
    summary = parse_summary(read_json(path), str(path))
    summary = summary.model_copy(update={"provenance": {**summary.provenance, **(provenance or {})}})
    page = render(summary, list(read_answers(Path(folder))), show_completions=show_completions)
    return write_atomic(Path(folder) / REPORT, page)


def _records(summary: Summary) -> list[tuple[str, Mapping[str, object]]]:
    """Return the tables of facts."""
    provenance = {key: value for key, value in summary.provenance.items() if key != "command"}
    models = [
        ("Model" if len(summary.models) == 1 else f"{role.capitalize()} model", model.identity)
        for role, model in summary.models.items()
    ]
    circuits = [
        (
            f"Circuit of {name}" if len(summary.models) == 1 else f"Circuit of {name} in the {role} model",
            {
                key: value
                for key, value in method.circuit.provenance.items()
                if key not in ("model", "versions")
            },
        )
        for role, model in summary.models.items()
        for name, method in model.methods.items()
        if method.circuit is not None and name != "random"
    ]
    prompts = {**summary.prompts, "token read": next(iter(summary.models.values())).token_read}
    return [
        *models,
        ("Settings", summary.settings),
        ("Prompts", prompts),
        *circuits,
        ("Provenance", provenance),
    ]


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
    for writer in (
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
    ):
        environment.filters[writer.__name__] = writer
    environment.globals.update(write=view.write, write_range=view.write_range)
    return environment
