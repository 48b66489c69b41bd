"""The folder of an experiment: what lies where, and how it is taken, continued and added to.

    settings.json      what was asked for
    facts.json         which models and prompts it was begun with
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
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.options import ExamChoice
from neuroswitch.provenance import command_line, now, versions
from neuroswitch.storage import JsonObject, read_json, write_json
from neuroswitch.summary import ModelUsed, Part

SETTINGS, FACTS = "settings.json", "facts.json"
RANKING, JUDGED = "ranking.json", "judged.json"

PROVENANCE = "provenance.json"
"""When and how the folder was asked for: the one record that two equal experiments do not share."""

ADDED = ("methods", "strengths", "measures")
"""Settings that a later call may add to."""


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


class Facts(Part):
    """`facts.json`: what an experiment is about, with which every continuation must agree.

    Attributes:
        behaviour: Name of the behaviour.
        sensitive: Whether answers may be harmful text.
        detector: Name of the detector.
        contrast: Name of the contrast set.
        contrast_sha256: Its digest.
        discovery: Its numbers of positive and negative discovery prompts.
        validation: The same of validation prompts.
        same_tokens: Whether two models get the same token ids for every prompt.
        piles: Pile -> number of its prompts, and their digest; may grow by new piles.
        models: Role -> model; may grow by new models.
    """

    behaviour: str
    sensitive: bool
    detector: str
    contrast: str
    contrast_sha256: str
    discovery: tuple[int, int]
    validation: tuple[int, int]
    same_tokens: bool
    piles: dict[str, tuple[int, str]]
    models: dict[str, ModelUsed] = {}

    def listed(self) -> JsonObject:
        """Return every fact by a name for messages, each pile and each model by itself."""
        return {
            **self.model_dump(exclude={"piles", "models"}),
            **{f"pile {name}": pile for name, pile in self.piles.items()},
            **{f"model {role}": model for role, model in self.models.items()},
        }


def read_facts(folder: Path) -> Facts:
    """Read what an experiment is about.

    Raises:
        BadRun: The file is missing, damaged, or holds something else.
    """
    path = folder / FACTS
    try:
        return Facts.model_validate(read_json(path, do="run the same command again"))
    except ValidationError as error:
        raise _not_ours(path, _first(error)) from error


def read_settings(folder: Path) -> ExperimentSettings:
    """Read what an experiment was asked for.

    Raises:
        BadRun: The file is missing, damaged, or holds something else.
    """
    path = folder / SETTINGS
    told = read_json(path)
    try:
        settings = TypeAdapter(ExperimentSettings).validate_python(told)
    except ValidationError as error:
        raise _not_ours(path, _first(error)) from error
    if unknown := sorted(set(told) - set(settings.to_json())):
        raise _not_ours(path, ", ".join(unknown))
    return settings


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _not_ours(path: Path, found: str) -> BadRun:
    return BadRun(f"{path} does not belong to an experiment", found=found, do="name another output folder")


def claim_folder(folder: Path, settings: ExperimentSettings) -> ExperimentSettings:
    """Take a folder for an experiment, continue the one in it, or add to it.

    A folder in which nothing has been computed yet may be taken with other settings.

    Returns:
        The settings with everything that earlier calls asked for, earliest first.

    Raises:
        BadRun: The folder holds something else, or an experiment with other settings.
    """
    path = folder / SETTINGS
    empty = (SETTINGS, PROVENANCE, FACTS)
    begun = path.exists() and any(other.name not in empty for other in folder.iterdir())
    if path.exists() and not begun:
        (folder / FACTS).unlink(missing_ok=True)
    before = read_settings(folder) if begun else None
    joined = settings if before is None else _joined(before, settings, folder)
    if joined != before or not (folder / PROVENANCE).exists():
        made = {"date": now(), "command": command_line(), "versions": versions()}
        write_json(folder / PROVENANCE, made)
        write_json(path, joined.to_json())
    return joined


def _joined(before: ExperimentSettings, settings: ExperimentSettings, folder: Path) -> ExperimentSettings:
    """Add to the settings of a folder, or say what differs."""
    exam, safe, controls = settings.exam, settings.safe_prompts, settings.controls
    most = max(before.controls.controls, controls.controls)
    joined = replace(
        settings,
        methods=tuple(dict.fromkeys([*before.methods, *settings.methods])),
        strengths=tuple(dict.fromkeys([*before.strengths, *settings.strengths])),
        measures=tuple(dict.fromkeys([*before.measures, *settings.measures])),
        # not asked for again: what was measured stays
        exam=before.exam if exam.mmlu is None else _joined_exam(before.exam, exam),
        safe_prompts=before.safe_prompts if safe.xstest is None else safe,
        controls=replace(controls, controls=most),
    )
    free = [*ADDED, "match", "controls.controls", "exam.mmlu_strengths"]
    free += ["exam"] if before.exam.mmlu is None else []
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
    """Ask at the strengths of both, where neither asks at all of them."""
    if before.mmlu is None:
        return asked
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


def claim_facts(folder: Path, facts: Facts) -> None:
    """Write what the experiment is about, or compare it with what is there.

    Raises:
        BadRun: A model or the prompts are not those that the folder was begun with.
    """
    path = folder / FACTS
    if path.exists():
        before, now = read_facts(folder), facts.listed()
        if changed := [name for name, was in before.listed().items() if now.get(name, was) != was]:
            raise BadRun(
                f"{folder} was begun with another model or other prompts",
                found="differences in " + ", ".join(changed),
                do="name another output folder, or restore what it was begun with",
            )
        grown = {"piles": {**before.piles, **facts.piles}, "models": {**before.models, **facts.models}}
        facts = facts.model_copy(update=grown)
    write_json(path, facts.model_dump(mode="json"))
