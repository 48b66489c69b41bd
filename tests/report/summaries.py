"""Made-up experiments in the shape of real ones: a run, a comparison of methods, two models."""

from collections.abc import Sequence
from functools import cache

from parts import LATE, NEURONS, Labels, answers, cell, circuit, method, model_facts, number, profile, whole

from neuroswitch.records import NEGATIVE, UNTOUCHED, AnswerRow, condition_name
from neuroswitch.statistics import Measurement, proportion
from neuroswitch.summary import (
    AtLength,
    Cell,
    Chance,
    CurvePoint,
    Judged,
    Matched,
    MatchedDifference,
    MatchedRow,
    RankingFacts,
    Shared,
    Summary,
)

RUN_LABELS: dict[str, Labels] = {
    UNTOUCHED: (39, 5, 1),
    "cna@1": (5, 4, 1),
    "random:0@1": (38, 6, 1),
    "random:1@1": (40, 4, 1),
}


def run(strength: float = 1.0, **more: object) -> tuple[Summary, list[AnswerRow]]:
    """Return a run: CNA and two random circuits on one model; `more` are other fields of its summary."""
    summary, rows = _run(strength)
    return summary.model_copy(update=more), list(rows)


@cache
def _run(strength: float) -> tuple[Summary, list[AnswerRow]]:
    rows = [
        row
        for condition, labels in RUN_LABELS.items()
        for row in answers(condition.replace("@1", f"@{strength:g}"), labels)
    ]
    rows += answers(UNTOUCHED, (6, 1, 0), pile=NEGATIVE)
    rows += answers(f"cna@{strength:g}", (2, 1, 0), pile=NEGATIVE)
    cells = [
        cell(rows, [UNTOUCHED]),
        cell(rows, [f"cna@{strength:g}"], method="cna", strength=strength),
        cell(
            rows,
            [f"random:0@{strength:g}", f"random:1@{strength:g}"],
            method="random",
            strength=strength,
        ),
    ]
    methods = [method("cna", "scales the neurons of a circuit", circuit("cna"))]
    command = "neuroswitch run --model demo --behaviour refusal --size 0.001 --output runs/refusal"
    return whole({"model": model_facts(methods)}, cells, command), rows


METHODS = {  # name -> (refusals left of 64 at full strength, KL, quality lost, MMLU lost)
    "cna": (6, 0.06, 0.004, 0.002),
    "caa": (4, 1.5, 0.31, 0.22),
    "direction": (5, 0.25, 0.012, 0.010),
    "sae": (24, 0.35, 0.03, 0.02),
    "random": (37, 0.03, 0.002, 0.001),
}
STRENGTHS = (0.25, 0.5, 0.75, 1.0)


def damage(kl: float, quality_lost: float, mmlu_lost: float) -> dict[str, Measurement]:
    """Return the measures of damage of a row."""
    return {
        "quality": number("quality", 0.974 - quality_lost, 0.005),
        "kl": number("kl", kl, 0.15 * kl),
        "perplexity": number("perplexity", 6.2 + 8 * kl, 0.4 + kl),
        "mmlu": number("mmlu", 0.482 - mmlu_lost, 0.03, n=1140),
    }


def comparison(names: Sequence[str] = tuple(METHODS), **more: object) -> tuple[Summary, list[AnswerRow]]:
    """Return a comparison of methods at four strengths, with damage, MMLU and methods at the same damage."""
    summary, rows = _comparison(tuple(names))
    return summary.model_copy(update=more), list(rows)


@cache
def _comparison(names: tuple[str, ...]) -> tuple[Summary, list[AnswerRow]]:
    rows = answers(UNTOUCHED, (40, 0, 0)) + answers(UNTOUCHED, (6, 0, 0), pile=NEGATIVE)
    cells = []
    for name in names:
        left, kl, lost, mmlu = METHODS[name]
        for a in STRENGTHS:
            condition = condition_name(f"{name}:0" if name == "random" else name, a)
            rows += answers(condition, (round(40 - (40 - left) * a**0.7), 0, round(64 * lost * a)))
            rows += answers(condition, (round(6 * (1 - a)), 0, 0), pile=NEGATIVE)
            made = cell(
                rows, [condition], method=name, strength=a, **damage(kl * a**2, lost * a**3, mmlu * a**2)
            )
            changes = {**made.changes, "mmlu": number("mmlu", -mmlu * a**2, 0.01)}
            cells.append(made.model_copy(update={"changes": changes}))
    cells.insert(0, cell(rows, [UNTOUCHED], **damage(0.0, 0.0, 0.0)))
    texts = {
        "cna": "The circuit's neurons times one minus the strength; readout ranking, 116 neurons",
        "caa": "A mean difference added to the residual stream of layer 13, as validation chose",
        "direction": "One direction projected out of the residual stream, layer 14",
        "sae": "Ten features of a sparse autoencoder subtracted",
        "random": "As many random neurons in each layer as the circuit has",
    }
    methods = [method(name, texts[name], circuit("cna") if name == "cna" else None) for name in names]
    model = model_facts(methods, profiles=(profile("cna"), profile("paper's ranking", LATE)))
    extras: dict[str, object] = {
        "match": "kl",
        "matched": made_matched(cells, names),
        "by_length": tuple(
            AtLength(words=words, whole=whole, rate=proportion("behaviour", k, 64, how="rules"))
            for words, whole, k in ((10, 0, 22), (20, 4, 31), (40, 20, 38), (80, 57, 40), (150, 64, 40))
        ),
        "judged": Judged(
            judge="a-judge",
            kappa=number("kappa", 0.87, 0.09),
            agree=proportion("agree", 60, 64, how="judge"),
            missing=2,
        ),
    }
    command = "neuroswitch compare --model demo --methods cna,caa,direction"
    return whole({"model": model}, cells, command, **extras), rows


def made_matched(cells: Sequence[Cell], names: Sequence[str], budget: float = 0.1) -> Matched:
    """Return the methods at a damage, the lowest rate first, and the best circuit beside the best other one."""
    rows = sorted((matched_row(cells, name, budget) for name in names), key=lambda row: row.rate.value or 0.0)
    others = [row.method for row in rows if row.method not in ("cna", "random")]
    between = None
    if others and "cna" in names:
        found = number("difference", -0.15, 0.1)
        between = MatchedDifference(circuit="cna", other=others[0], difference=found)
    return Matched(by="kl", budget=budget, rows=tuple(rows), difference=between)


def matched_row(cells: Sequence[Cell], name: str, budget: float) -> MatchedRow:
    """Return a method at a damage: level between the strengths, since nothing else is looked at here."""
    mine = [one for one in cells if one.method in (name, UNTOUCHED)]
    points = tuple(
        CurvePoint(
            strength=one.strength,
            damage=one.measures["kl"].value or 0.0,
            rate=one.measures["behaviour"].value or 0.0,
        )
        for one in mine
    )
    below = sum(one.damage <= budget for one in points) - 1
    beside = (points[below].strength, points[min(below + 1, len(points) - 1)].strength)
    return MatchedRow(
        method=name,
        rate=mine[below].measures["behaviour"],
        area=number("area", points[below].rate + 0.1, 0.05),
        strengths=beside,
        points=points,
        circuits=2 if name == "random" else 1,
    )


PAIR_LABELS: dict[str, dict[str, Labels]] = {
    "base": {
        UNTOUCHED: (1, 1, 4),
        "cna@1": (1, 0, 4),
        "transfer@1": (0, 0, 5),
        "random:0@1": (1, 1, 4),
        "random:1@1": (2, 0, 4),
    },
    "instruct": {
        UNTOUCHED: (38, 6, 0),
        "cna@1": (4, 3, 0),
        "transfer@1": (22, 5, 1),
        "random:0@1": (37, 7, 0),
        "random:1@1": (38, 5, 0),
    },
}
PAIR_LAYERS = {
    "base": (0,) * 12 + (1, 2, 2, 3, 6, 8, 9, 11, 14, 17, 21, 22),
    "instruct": (0,) * 12 + (5, 7, 6, 9, 12, 8, 11, 9, 13, 10, 14, 12),
}
PAIR_NAMES = {"base": "Some-0.5B", "instruct": "Some-0.5B-Instruct"}


def two_models(**more: object) -> tuple[Summary, list[AnswerRow]]:
    """Return an experiment with two models: each circuit in both, and random neurons."""
    summary, rows = _two_models()
    return summary.model_copy(update=more), list(rows)


@cache
def _two_models() -> tuple[Summary, list[AnswerRow]]:
    rows, cells, models = [], [], {}
    for role, conditions in PAIR_LABELS.items():
        for condition, labels in conditions.items():
            rows += answers(condition, labels, model=role)
        benign: tuple[Labels, Labels] = ((0, 0, 3), (0, 0, 3)) if role == "base" else ((5, 1, 0), (1, 0, 0))
        rows += answers(UNTOUCHED, benign[0], pile=NEGATIVE, model=role)
        rows += answers("cna@1", benign[1], pile=NEGATIVE, model=role)
        cells.append(cell(rows, [UNTOUCHED], model=role))
        for name, members in (
            ("cna", ["cna@1"]),
            ("transfer", ["transfer@1"]),
            ("random", ["random:0@1", "random:1@1"]),
        ):
            cells.append(cell(rows, members, model=role, method=name, strength=1.0))
        own = circuit("cna", PAIR_LAYERS[role])
        models[role] = model_facts(
            [method("cna", "scales the neurons of a circuit", own)],
            name=PAIR_NAMES[role],
            identity={"name": f"maker/{role}", "weights_sha256": {"base": "aa", "instruct": "bb"}[role] * 32},
            occurs=role == "instruct",
            asked={"base": "as raw text, having no template", "instruct": "in its own chat template"}[role],
            profiles=(profile("cna", PAIR_LAYERS[role]), profile("top 200", PAIR_LAYERS[role])),
        )
    extras: dict[str, object] = {
        "overlap": tuple(
            Shared(
                name=name,
                sizes=(NEURONS, NEURONS),
                shared=shared,
                jaccard=shared / (2 * NEURONS - shared),
                anywhere=Chance(expected=0.115, p=1e-12),
                by_layer=Chance(expected=0.268, p=1e-9),
            )
            for name, shared in (("top 0.1 %", 14), ("top 200", 31))
        ),
        "ranking": RankingFacts(
            asked="readout", used="delta_effect", reason="Some-0.5B does not show the behaviour"
        ),
        "same_tokens": False,
    }
    command = "neuroswitch compare-models Some-0.5B Some-0.5B-Instruct --output runs/pair"
    return whole(models, cells, command, **extras), rows


KEPT = {"model", "method", "members", "acts_on", "by", "match", "pile", "condition", "prompt_id", "finish"}
KEPT |= {
    "better",
    "aggregate",
    "among",
    "circuit",
    "other",
    "unit",
    "units",
    "models",
    "methods",
    "measures",
    "changes",
    "tests",
    "labels",
}
"""Fields whose values are names that the program looks up, and mappings whose keys are."""


def hostile(value: object, payload: str, *, kept: bool = False) -> object:
    """Return JSON with `payload` in place of every text, structure and looked-up names kept."""
    if isinstance(value, dict):
        return {
            key: item if key in KEPT and isinstance(item, str) else hostile(item, payload, kept=key in KEPT)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [item if kept and isinstance(item, str) else hostile(item, payload) for item in value]
    return payload if isinstance(value, str) else value
