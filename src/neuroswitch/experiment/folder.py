"""The folder of an experiment: what lies where, and how it is taken, continued and added to.

    settings.json      what was asked for
    facts.json         what its results depend on: models, prompts, detectors, methods, versions
    results.jsonl      every answer with its verdict
    measured.jsonl     every value that was measured by running a model
    methods/NAME/      fitted methods; a circuit is a circuit folder
    summary.json, report.html

Of two models each has a folder `base` or `instruct` with its own `methods`. Everything that shapes a number is
compared with what the folder was begun with. Methods, strengths and seeds may be added later, and so may
a measure that was not taken.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from neuroswitch.errors import BadRun
from neuroswitch.experiment.facts import FACTS, Facts, begin_facts, claim_facts, read_facts
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.options import ExamChoice
from neuroswitch.provenance import command_line, now, versions
from neuroswitch.records import ANSWERS, MEASURED
from neuroswitch.storage import first_flaw, read_json, write_json
from neuroswitch.summary import SUMMARY, Part

SETTINGS = "settings.json"
RANKING, JUDGED = "ranking.json", "judged.json"

PROVENANCE = "provenance.json"
"""When and how the folder was asked for: the one record that two equal experiments do not share."""

OURS = (FACTS, ANSWERS, MEASURED, SUMMARY, RANKING, JUDGED, "circuit.json", "methods", "base", "instruct")
"""What a folder cannot hold without settings."""

UNBEGUN = (SETTINGS, PROVENANCE, FACTS)
"""What a folder holds in which nothing has been computed yet."""

MOST_CONTROLS = 10_000
"""More random circuits than anyone draws: a file that asks for them is not one of ours."""

ADDED = ("methods", "strengths", "own_strengths", "measures")
"""Settings that a later call may add to."""


class Made(Part):
    """`provenance.json`: when and how the folder was asked for."""

    date: str
    command: str
    versions: dict[str, str]


def method_folder(output: Path, role: str, name: str) -> Path:
    """Return where a fitted method is kept: its name, made fit for a file system and still unique."""
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60]
    if plain != name.replace(":", "-"):
        plain += "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return model_folder(output, role) / "methods" / plain


def model_folder(output: Path, role: str) -> Path:
    """Return the folder of one model: that of the experiment, where it has one model only."""
    return output if role == "model" else output / role


def description_file(output: Path, role: str, name: str) -> Path:
    """Return where it is kept what a fitted method is, for the report."""
    folder = method_folder(output, role, name)
    return folder.with_name(folder.name + ".json")


def read_settings(folder: Path) -> ExperimentSettings:
    """Read what an experiment was asked for.

    Raises:
        BadRun: The file is missing, damaged, or holds something else.
    """
    path = folder / SETTINGS
    told = read_json(path, do="name another output folder")
    try:
        settings = TypeAdapter(ExperimentSettings).validate_python(told)
    except ValidationError as error:
        raise _not_ours(path, first_flaw(error)) from error
    if settings.controls.controls > MOST_CONTROLS:
        raise _not_ours(path, f"{settings.controls.controls} random circuits")
    if unknown := sorted(set(told) - set(settings.to_json())):
        raise _not_ours(path, ", ".join(unknown))
    return settings


def _not_ours(path: Path, found: str) -> BadRun:
    return BadRun(f"{path} does not belong to an experiment", found=found, do="name another output folder")


def is_begun(folder: Path) -> bool:
    """Say whether anything has been computed in a folder: until then it may be taken with other settings."""
    if not (folder / SETTINGS).exists():
        return False
    return any(not one.name.startswith(".") and one.name not in UNBEGUN for one in folder.iterdir())


def claim_folder(folder: Path, settings: ExperimentSettings) -> ExperimentSettings:
    """Take a folder for an experiment, continue the one in it, or add to it; nothing is written.

    Returns:
        The settings with everything that earlier calls asked for, earliest first.

    Raises:
        BadRun: The folder holds something else, or an experiment with other settings.
    """
    if not (folder / SETTINGS).exists():
        if strange := sorted(one.name for one in folder.iterdir() if one.name in OURS):
            raise BadRun(
                f"{folder} holds results, and nothing says what they were asked for",
                found=f"{', '.join(strange)}, and no {SETTINGS}",
                expected="an empty folder, or the folder of an experiment",
                do="name another output folder",
            )
        return settings
    before = read_settings(folder)
    if (folder / FACTS).exists():
        read_facts(folder)
    return _joined(before, settings, folder) if is_begun(folder) else settings


def begin_folder(folder: Path, settings: ExperimentSettings, facts: Facts) -> None:
    """Write what a claimed folder is asked for and what its results depend on, or compare the latter.

    Raises:
        BadRun: The results in the folder depend on something else; then nothing is written.
    """
    begun = is_begun(folder)
    if begun:
        claim_facts(folder, facts)
    if not begun or not (folder / PROVENANCE).exists() or read_settings(folder) != settings:
        made = Made(date=now(), command=command_line(), versions=versions())
        write_json(folder / PROVENANCE, made.model_dump())
        write_json(folder / SETTINGS, settings.to_json())
    if not begun:
        begin_facts(folder, facts)


def _joined(before: ExperimentSettings, settings: ExperimentSettings, folder: Path) -> ExperimentSettings:
    """Add to the settings of a folder, or say what differs."""
    exam, safe, controls = settings.exam, settings.safe_prompts, settings.controls
    most = max(before.controls.controls, controls.controls)
    joined = replace(
        settings,
        methods=tuple(dict.fromkeys([*before.methods, *settings.methods])),
        strengths=tuple(dict.fromkeys([*before.strengths, *settings.strengths])),
        own_strengths=before.own_strengths or settings.own_strengths,
        measures=tuple(dict.fromkeys([*before.measures, *settings.measures])),
        # not asked for again: what was measured stays
        exam=before.exam if exam.mmlu is None else _joined_exam(before.exam, exam),
        safe_prompts=before.safe_prompts if safe.xstest is None else safe,
        controls=replace(controls, controls=most),
    )
    free = [*ADDED, "match", "controls.controls", "exam.mmlu_strengths"]
    free += ["exam"] if before.exam.mmlu is None else []
    if before.exam.mmlu_cot_questions is None:
        free += ["exam.mmlu_cot_questions", "exam.mmlu_cot_tokens"]
    free += ["safe_prompts"] if before.safe_prompts.xstest is None else []
    old, new = _options(before, free), _options(joined, free)
    if differing := sorted(key for key in {**old, **new} if old.get(key) != new.get(key)):
        raise BadRun(
            f"{folder} holds an experiment with other settings",
            found=", ".join(f"{key} = {old.get(key)!r}" for key in differing),
            expected=", ".join(f"{key} = {new.get(key)!r}" for key in differing),
            do="name another output folder, or repeat the settings of this one to continue it",
        )
    return joined


def _joined_exam(before: ExamChoice, asked: ExamChoice) -> ExamChoice:
    """Ask at the strengths of both, where neither asks at all of them; questions in words may be added."""
    if before.mmlu is None:
        return asked
    if asked.mmlu_cot_questions is None:  # not asked for again: what was measured stays
        kept = {name: getattr(before, name) for name in ("mmlu_cot_questions", "mmlu_cot_tokens")}
        asked = replace(asked, **kept)
    if before.mmlu_strengths is None or asked.mmlu_strengths is None:
        return replace(asked, mmlu_strengths=None)
    strengths = tuple(dict.fromkeys([*before.mmlu_strengths, *asked.mmlu_strengths]))
    return replace(asked, mmlu_strengths=strengths)


def _options(settings: ExperimentSettings, free: Sequence[str]) -> dict[str, object]:
    """Return what must not change, as "group.option" -> value."""
    flat: dict[str, object] = {}
    for key, value in settings.to_json().items():
        parts = (
            {f"{key}.{name}": one for name, one in value.items()} if isinstance(value, dict) else {key: value}
        )
        flat |= {name: one for name, one in parts.items() if key not in free and name not in free}
    return flat
