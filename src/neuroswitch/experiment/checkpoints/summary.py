"""A study's circuits and rows -> `summary.json`, as `reporting.schema.ModelsSummary` describes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from neuroswitch.circuits import Circuit
from neuroswitch.detectors import Detector
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.checkpoints.settings import ROLES, Outlines, Role, StudySettings
from neuroswitch.experiment.counts import Row, paired_test
from neuroswitch.measures import rate
from neuroswitch.provenance import command_line, now, versions
from neuroswitch.report import SCHEMA
from neuroswitch.statistics import Stratum, holm, overlap
from neuroswitch.storage import digest


class Circuits(NamedTuple):
    """The circuit of one model, and that of the paper's size by the same scores."""

    circuit: Circuit
    top: Circuit


@dataclass(frozen=True)
class Rows:
    """What one model answered, each list in the order of the prompts.

    Attributes:
        baseline: Untouched, positive prompts.
        own: Its own circuit scaled, positive prompts.
        other: The neurons of the other model's circuit scaled, positive prompts.
        random: Random neurons matched to its own circuit, positive prompts, one list per seed.
        benign_baseline: Untouched, negative prompts.
        benign_own: Its own circuit scaled, negative prompts.
    """

    baseline: Sequence[Row]
    own: Sequence[Row]
    other: Sequence[Row]
    random: Sequence[Sequence[Row]]
    benign_baseline: Sequence[Row]
    benign_own: Sequence[Row]


@dataclass(frozen=True)
class Found:
    """What a study has found, by role of the model.

    Attributes:
        circuits: The neurons.
        rows: The answers.
        occurs: Whether the untouched model shows the behaviour.
        ranking: Which ranking was asked for, which was used, and why another one.
        warnings: In whole sentences.
    """

    circuits: dict[Role, Circuits]
    rows: dict[Role, Rows]
    occurs: dict[Role, bool]
    ranking: dict[str, str]
    warnings: tuple[str, ...]


def summarise(
    settings: StudySettings, behaviour: Behaviour, outlines: Outlines, found: Found
) -> dict[str, Any]:
    """Turn circuits and rows into the numbers of the report, with intervals, tests and chance levels."""
    detector = behaviour.detector
    models = {role: _checkpoint(role, settings, outlines, found, detector) for role in ROLES}
    _adjust(list(models.values()))
    identities = {role: found.circuits[role].circuit.provenance.model for role in ROLES}
    return {
        "schema": SCHEMA,
        "kind": "models",
        "behaviour": behaviour.name,
        "sensitive": behaviour.sensitive,
        "shows": sorted(detector.shows),
        "model": {
            **{role: models[role]["name"] for role in ROLES},
            "model type": identities["base"]["model_type"],
            "layers": outlines.layers,
            "neurons": outlines.neurons,
        },
        "models": models,
        "overlap": _overlaps(settings, found),
        "ranking": found.ranking,
        "same_tokens": outlines.same_tokens,
        "multiplier": settings.run.multiplier,
        "settings": settings.to_json(),
        "prompts": _prompts(settings, behaviour, outlines, found),
        "provenance": {
            "versions": versions(),
            "date": now(),
            "command": command_line(),
            "detector": detector.how,
            **{f"{role} model": identities[role] for role in ROLES},
            **{f"{role} circuit": found.circuits[role].circuit.provenance.to_json() for role in ROLES},
        },
        "warnings": list(found.warnings),
    }


def _checkpoint(
    role: Role, settings: StudySettings, outlines: Outlines, found: Found, detector: Detector
) -> dict[str, Any]:
    rows, circuits = found.rows[role], found.circuits[role]
    pooled = [row for one in rows.random for row in one]
    repeated = [*rows.baseline] * len(rows.random)
    return {
        "name": _name(settings, role),
        "occurs": found.occurs[role],
        "asked": outlines.asked[role],
        "positive": {
            "baseline": _condition(rows.baseline, None, detector),
            "own": _condition(rows.own, rows.baseline, detector),
            "other": _condition(rows.other, rows.baseline, detector),
            **({"random": _condition(pooled, repeated, detector)} if pooled else {}),
        },
        "negative": {
            "baseline": _condition(rows.benign_baseline, None, detector),
            "own": _condition(rows.benign_own, rows.benign_baseline, detector),
        },
        "circuits": [
            {"name": name, **_profile(circuit, outlines.layers)}
            for name, circuit in _compared(circuits, settings).items()
        ],
    }


def _condition(rows: Sequence[Row], before: Sequence[Row] | None, detector: Detector) -> dict[str, Any]:
    """Summarise one condition; against the untouched answers, test it and count the texts that differ."""
    measured: dict[str, Any] = {
        "rate": rate(rows, detector),
        "test": None,
        "p_adjusted": None,
        "changed": None,
    }
    if before is not None:
        measured["test"] = paired_test(before, rows, detector)
        measured["changed"] = sum(
            one["text"] != other["text"] for one, other in zip(before, rows, strict=True)
        )
    return measured


def _adjust(models: Sequence[dict[str, Any]]) -> None:
    """Correct the p-values of all tests of the study together."""
    tested = [
        one
        for model in models
        for pile in ("positive", "negative")
        for one in model[pile].values()
        if one["test"]
    ]
    for one, p in zip(tested, holm([one["test"]["p"] for one in tested]), strict=True):
        one["p_adjusted"] = p


def _name(settings: StudySettings, role: Role) -> str:
    """Return what people call a model; where both have one name, its role as well."""
    names = {each: PurePath(settings.source(each)).name for each in ROLES}
    revision = settings.base_revision if role == "base" else settings.instruct_revision
    if names["base"] != names["instruct"]:
        return names[role]
    return f"{names[role]} ({revision or role})"


def _profile(circuit: Circuit, layers: int) -> dict[str, Any]:
    by_layer = circuit.by_layer()
    return {
        "neurons": len(circuit),
        "fraction": circuit.fraction,
        "by_layer": {str(layer): by_layer.get(layer, 0) for layer in range(layers)},
    }


def _compared(circuits: Circuits, settings: StudySettings) -> dict[str, Circuit]:
    """Name the circuits of a model; that of the paper's size is absent if it is the first or too large."""
    size, top = settings.run.size, settings.top
    named = {f"top {size:.3g}" if size >= 1 else f"top {100 * size:.3g} %": circuits.circuit}
    if len(circuits.top) == top != len(circuits.circuit):
        named[f"top {top}"] = circuits.top
    return named


def _overlaps(settings: StudySettings, found: Found) -> list[dict[str, Any]]:
    """Compare the circuits of both models at either size with what chance would give."""
    base, instruct = (_compared(found.circuits[role], settings) for role in ROLES)
    return [
        {"name": name, **shared_neurons(circuit, instruct[name])}
        for name, circuit in base.items()
        if name in instruct
    ]


def shared_neurons(one: Circuit, other: Circuit) -> dict[str, Any]:
    """Count the neurons that two circuits share, and test that against chance in two ways.

    Returns:
        `shared`, `jaccard`, and per chance level (`all`: any neurons of the model; `by_layer`: as many
        neurons of each layer as each circuit has there) the mean `expected` and the one-sided `p`.

    Raises:
        WrongModel: The circuits live on different neuron axes.
    """
    shared = len(one & other)
    levels = {
        "all": [Stratum(len(one), len(other), one.layout.size)],
        "by_layer": _strata(one, other),
    }
    chance = {name: overlap(shared, strata) for name, strata in levels.items()}
    return {
        "sizes": [len(one), len(other)],
        "shared": shared,
        "jaccard": one.jaccard(other),
        **{name: {"expected": level.expected, "p": level.p} for name, level in chance.items()},
    }


def _strata(one: Circuit, other: Circuit) -> list[Stratum]:
    population: dict[int, int] = {}
    for site in one.layout.sites:
        population[site.layer] = population.get(site.layer, 0) + site.neurons
    first, second = one.by_layer(), other.by_layer()
    return [Stratum(first.get(layer, 0), second.get(layer, 0), size) for layer, size in population.items()]


def _prompts(
    settings: StudySettings, behaviour: Behaviour, outlines: Outlines, found: Found
) -> dict[str, Any]:
    contrast, rows = behaviour.contrast, found.rows["base"]
    return {
        "contrast": contrast.name,
        "sha256": contrast.sha256,
        "discovery": [len(pile) for pile in contrast.discovery],
        "test": [len(rows.baseline), len(rows.benign_baseline)],
        "test_prompts": settings.run.test_prompts or "the contrast set's own",
        "test_sha256": digest([row["prompt"] for row in rows.baseline]),
        **{f"put to the {role} model": outlines.asked[role] for role in ROLES},
        **{f"token read in the {role} model": outlines.reads[role] for role in ROLES},
    }
