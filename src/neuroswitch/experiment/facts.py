"""`facts.json`: what the results in a folder depend on, written when it is begun and compared by every later call.

Prompts, detectors and models are compared as soon as they are known; a difference is an error that names it. What may
be added later (piles, models, methods) is written when it is added. Every row carries a short digest of the part of
this record that it depends on, its group, so that rows of other circumstances are never counted together.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from neuroswitch.errors import BadRun
from neuroswitch.experiment.circumstances import NUMBERS_CHANGE, Circumstances, minor
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.records import QUESTIONS, UNTOUCHED
from neuroswitch.storage import digest, first_flaw, read_json, write_json
from neuroswitch.summary import ModelUsed, Part

FACTS = "facts.json"

GROUP_LENGTH = 16
"""Hexadecimal digits of a group."""

SHOWN = 72
"""Characters of a value that a message shows."""

WHERE = ("name", "source", "location")
"""Fields of a model's identity that say where it lies, not what it computes."""

IN_GROUP = ("decoding", "until_settled", "chat", "engine", "template_from")
"""Settings on which an answer depends."""

CALLED = {
    "config_sha256": "configuration",
    "template_sha256": "chat template",
    "weights_sha256": "weights (sample)",
    "rendered": "rendered prompt",
    "generation": "generation settings",
    "quantised": "quantisation",
}
"""What fields are called in messages, where their names do not say it."""


class PileFacts(Part):
    """A pile of test prompts: how many, their digest (ids and texts), and the detector that labels the answers."""

    prompts: int = Field(ge=1)
    sha256: str
    detector: str
    detector_sha256: str


class Facts(Part):
    """What the results in a folder depend on.

    Attributes:
        behaviour: Name of the behaviour.
        sensitive: Whether answers may be harmful text.
        detector: Name of the detector.
        detector_sha256: Digest of its rules.
        contrast: Name of the contrast set.
        contrast_sha256: Digest of its prompts with ids, groups, labels and splits.
        discovery: Its numbers of positive and negative discovery prompts.
        validation: The same of validation prompts.
        same_tokens: Whether two models get the same token ids for every prompt.
        exam: Digest of the files with exam questions; None without.
        piles: Pile -> its prompts and detector.
        models: Role -> model.
        circumstances: Role -> what else the model's answers depend on.
        sources: Method -> digest of the file or folder that it was read from.
        methods: "role/method" -> digest of the fitted method that was used.
        surroundings: Versions and machine of every call, each combination once; the first began the folder.
    """

    behaviour: str
    sensitive: bool
    detector: str
    detector_sha256: str
    contrast: str
    contrast_sha256: str
    discovery: tuple[int, int]
    validation: tuple[int, int]
    same_tokens: bool
    exam: str | None = None
    piles: dict[str, PileFacts] = {}
    models: dict[str, ModelUsed] = {}
    circumstances: dict[str, Circumstances] = {}
    sources: dict[str, str] = {}
    methods: dict[str, str] = {}
    surroundings: tuple[dict[str, str], ...] = Field(min_length=1)

    def listed(self) -> dict[str, object]:
        """Return what must not change by names for messages."""
        found: dict[str, object] = {
            "behaviour": self.behaviour,
            "sensitive": self.sensitive,
            "detector": self.detector,
            "rules of the detector": self.detector_sha256,
            "contrast set": self.contrast,
            "prompts, ids, labels or splits of the contrast set": self.contrast_sha256,
            "same tokens for both models": self.same_tokens,
        }
        if self.exam is not None:
            found["exam questions"] = self.exam
        for name, pile in self.piles.items():
            found[f"prompts of the pile {name}"] = pile.sha256
            found[f"detector of the pile {name}"] = pile.detector
            found[f"rules of the detector of the pile {name}"] = pile.detector_sha256
        for role, model in self.models.items():
            told = {**model.identity, **self.circumstances[role].model_dump()}
            found |= {f"{role}: {CALLED.get(key, key)}": one for key, one in told.items() if key not in WHERE}
            found[f"{role}: neurons"] = (model.layers, model.neurons, model.units)
        found |= {f"what {name} is read from": sha256 for name, sha256 in self.sources.items()}
        return found | {f"fitted method {name}": sha256 for name, sha256 in self.methods.items()}

    def group(self, settings: ExperimentSettings, role: str, method: str, pile: str) -> str:
        """Return the group of rows: a short digest of all that they depend on.

        Args:
            settings: Of the folder.
            role: Of the model.
            method: Name of the method, such as `random:0`.
            pile: Whose prompts were asked; `QUESTIONS` for those of an exam.

        Raises:
            KeyError: The folder does not know this model, method or pile.
        """
        told = settings.to_json()
        identity = self.models[role].identity
        return digest(
            [
                {key: value for key, value in identity.items() if key not in WHERE},
                self.circumstances[role].model_dump(),
                {name: minor(self.surroundings[0].get(name, "")) for name in NUMBERS_CHANGE},
                None if method == UNTOUCHED else self.methods[f"{role}/{method}"],
                self.exam if pile == QUESTIONS else self.piles[pile].model_dump(),
                {name: told[name] for name in IN_GROUP},
            ]
        )[:GROUP_LENGTH]


def read_facts(folder: Path) -> Facts:
    """Read what the results in a folder depend on.

    Raises:
        BadRun: The file is missing, damaged, or holds something else.
    """
    path = folder / FACTS
    again = "name another output folder: what the results in this one depend on is not known"
    try:
        found = Facts.model_validate(read_json(path, do=again))
    except ValidationError as error:
        raise BadRun(
            f"{path} does not belong to an experiment of this version", found=first_flaw(error), do=again
        ) from error
    if found.models.keys() != found.circumstances.keys():
        raise BadRun(f"{path} is damaged", found="models without circumstances", do=again)
    return found


def begin_facts(folder: Path, facts: Facts) -> None:
    """Write what the results of a folder depend on in which nothing has been computed yet."""
    write_json(folder / FACTS, facts.model_dump(mode="json"))


def claim_facts(folder: Path, facts: Facts) -> Facts:
    """Compare what results depend on now with what the folder was begun with, and write what is new.

    Returns:
        What the folder now holds.

    Raises:
        BadRun: Something differs; the message names it.
    """
    before = read_facts(folder)
    require_same(folder, before.listed(), facts.listed())
    require_same(folder, _fixed(before.surroundings[0]), _fixed(facts.surroundings[0]))
    grown = {
        name: dict(sorted({**getattr(before, name), **getattr(facts, name)}.items()))
        for name in ("piles", "models", "circumstances", "sources", "methods")
    }
    seen = {
        "surroundings": tuple({str(one): one for one in (*before.surroundings, *facts.surroundings)}.values())
    }
    joined = before.model_copy(update={**grown, **seen, "exam": before.exam or facts.exam})
    if joined != before:
        begin_facts(folder, joined)
    return joined


def claim_method(folder: Path, role: str, method: str, sha256: str) -> None:
    """Note which fitted method is used, or compare it with the one that was.

    Raises:
        BadRun: Another one was used.
    """
    facts = read_facts(folder)
    claim_facts(folder, facts.model_copy(update={"methods": {**facts.methods, f"{role}/{method}": sha256}}))


def forget_method(folder: Path, role: str, method: str) -> None:
    """Remove the note of a fitted method that is about to be fitted again, before anything was measured with it."""
    facts = read_facts(folder)
    kept = {name: one for name, one in facts.methods.items() if name != f"{role}/{method}"}
    if kept != facts.methods:
        begin_facts(folder, facts.model_copy(update={"methods": kept}))


def require_same(folder: Path, before: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Compare what is known of both.

    Raises:
        BadRun: Something differs.
    """
    differing = [name for name, was in before.items() if now.get(name, was) != was]
    if differing:
        pairs = [_shortened(now[name], before[name]) for name in differing]
        raise BadRun(
            f"{folder} was begun under other circumstances: {', '.join(differing)}",
            found="; ".join(f"{name} = {one}" for name, (one, _) in zip(differing, pairs, strict=True)),
            expected="; ".join(f"{name} = {one}" for name, (_, one) in zip(differing, pairs, strict=True)),
            do="name another output folder, or restore what this one was begun with: its answers are not mixed "
            "with answers of other circumstances",
        )


def _fixed(surroundings: Mapping[str, str]) -> dict[str, str]:
    """Return the versions that must not change, without patch levels."""
    return {f"version of {name}": minor(surroundings.get(name, "unknown")) for name in NUMBERS_CHANGE}


def _shortened(now: object, before: object) -> tuple[str, str]:
    """Show two values around the place where they begin to differ."""
    one, other = str(now), str(before)
    places = range(min(len(one), len(other)))
    first = next((place for place in places if one[place] != other[place]), len(places))
    start = max(0, first - SHOWN // 2) if max(len(one), len(other)) > SHOWN else 0

    def shown(text: str) -> str:
        cut = text[start : start + SHOWN]
        return repr(f"{'...' if start else ''}{cut}{'...' if start + SHOWN < len(text) else ''}")

    return shown(one), shown(other)
