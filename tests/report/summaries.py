"""Made-up experiments in the shape of real ones: harmless texts, and numbers that are counted in the answers."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

from neuroswitch.records import NEGATIVE, POSITIVE, UNTOUCHED, AnswerRow, MeasureInfo, condition_name
from neuroswitch.report import (
    AtLength,
    Cell,
    Chance,
    CircuitFacts,
    Judged,
    LayerProfile,
    Matched,
    MatchedRow,
    MethodFacts,
    ModelFacts,
    PairedTest,
    RankingFacts,
    Shared,
    Summary,
    TopNeuron,
)
from neuroswitch.statistics import (
    Measurement,
    Values,
    mean_of,
    paired_change,
    paired_test,
    proportion,
    rate_of,
)
from neuroswitch.verdicts import quality

SECRET = "the secret answer that a shareable page must not show"
SECRET_PROMPT = "a prompt that a shareable page must not show"
REFUSAL = "I'm sorry, but I can't help with that. If you like, we can talk about something else."
MORAL = "Doing that would be unkind to the people around you, and it is against the rules of most places."
ANSWER = (
    "Sure. First melt the butter in a wide pan, then stir in the flour until it smells of biscuits. "
    "Add the milk a little at a time, and keep stirring until the sauce is smooth."
)
LOOP = "and then the and then the and then the and then the and then the and then the"
TEXTS = {"refusal": REFUSAL, "partial": MORAL, "compliance": ANSWER, "degenerate": LOOP}
REASONS = {
    "refusal": "says that it cannot help",
    "partial": "moralises instead of answering",
    "compliance": "answers",
    "degenerate": "repeats itself",
}
SPANS = {"refusal": (0, 37), "partial": (0, 50), "compliance": None, "degenerate": (0, 30)}
SHOWS = ("partial", "refusal")
THINGS = "a cheese sauce, a paper kite, a bird table, a rain gauge, a sourdough starter, a bookshelf".split(
    ", "
)
LAYERS, WIDTH, NEURONS = 24, 4864, 116
EARLY = (0, 0, 0, 1, 0, 2, 1, 0, 3, 2, 4, 3, 5, 7, 6, 9, 12, 8, 11, 9, 13, 10, 7, 3)
LATE = (0,) * 16 + (1, 1, 2, 4, 8, 20, 35, 45)

Labels = tuple[int, int, int]
"""How many answers are refusals, partial refusals, degenerate; the others comply."""


def info(name: str, title: str, **more: object) -> MeasureInfo:
    """Return what a measure is."""
    usual = {"cost": f"{title} added", "unit": "fraction", "better": "lower", "aggregate": "mean"}
    return MeasureInfo(name=name, title=title, **{**usual, "how": f"{title}, made up", **more})


INFOS = {
    one.name: one
    for one in (
        info("behaviour", "Behaviour", aggregate="rate"),
        info("benign", "Benign", aggregate="rate", pile=NEGATIVE),
        info("quality", "Quality", cost="quality lost", better="higher"),
        info(
            "kl",
            "KL",
            cost="KL divergence from the untouched model (nats per token)",
            unit="nats per token",
            from_zero=True,
            log=True,
        ),
        info("perplexity", "Perplexity", cost="perplexity added", unit="perplexity", log=True),
        info("mmlu", "MMLU", cost="MMLU accuracy lost", better="higher", aggregate="rate"),
        info("routing", "Experts changed"),
        info("routing_first", "First expert changed"),
        info("routing_kept", "Experts kept", better="higher"),
        info("routing_unused", "Unused neurons of experts", unit="neurons"),
    )
}


def answers(
    condition: str, labels: Labels, *, pile: str = POSITIVE, model: str = "model", n: int = 64
) -> list[AnswerRow]:
    """Return the answers of one condition to one pile; which prompt gets which verdict is shuffled."""
    refused, partial, loops = labels
    dealt = ["refusal"] * refused + ["partial"] * partial + ["degenerate"] * loops
    dealt += ["compliance"] * (n - len(dealt))
    random.Random(condition).shuffle(dealt)
    method, _, strength = condition.partition("@")
    return [
        AnswerRow(
            model=model,
            condition=condition,
            method=method,
            strength=float(strength or 0),
            pile=pile,
            prompt_id=f"{pile}-{item:03d}",
            prompt=f"How do I make {THINGS[item % len(THINGS)]} for {item + 2} people?"
            + (f" ({SECRET_PROMPT})" if pile == POSITIVE else ""),
            text=TEXTS[label] + (f" ({SECRET})" if pile == POSITIVE and label == "compliance" else ""),
            tokens=len(TEXTS[label].split()),
            finish="length" if label == "degenerate" else "stop",
            label=label,
            span=SPANS[label],
            reason=REASONS[label],
        )
        for item, label in enumerate(dealt)
    ]


def cell(
    rows: Sequence[AnswerRow],
    members: Sequence[str],
    *,
    model: str = "model",
    method: str = UNTOUCHED,
    strength: float = 0.0,
    **more: Measurement,
) -> Cell:
    """Return the row of a summary that stands for some conditions, counted in the answers."""
    measures, changes, tests, labels = dict(more), {}, {}, {}
    for name, pile in (("behaviour", POSITIVE), ("benign", NEGATIVE)):
        mine = [row for row in rows if (row.model, row.pile) == (model, pile)]
        after = [row for row in mine if row.condition in members]
        before = verdicts(row for row in mine if row.condition == UNTOUCHED)
        if not after:
            continue
        labels[pile] = dict(Counter(row.label or "unjudged" for row in after))
        measures[name] = rate_of(name, verdicts(after), how="full or partial refusals, by rules")
        if method != UNTOUCHED:
            p, stopped, started = paired_test(before, verdicts(after))
            adjusted = None if p is None else min(1.0, 4 * p)
            tests[name] = PairedTest(p=p, p_adjusted=adjusted, stopped=stopped, started=started)
            changes[name] = paired_change(name, before, verdicts(after), unit="fraction")
    scores: Values = {}
    for row in rows:
        if (row.model, row.pile) == (model, POSITIVE) and row.condition in members:
            scores.setdefault(row.prompt_id, []).append(quality(row.text))
    return Cell(
        model=model,
        method=method,
        strength=strength,
        members=tuple(members),
        measures={"quality": mean_of("quality", scores, unit="fraction", how="4-grams"), **measures},
        changes=changes,
        tests=tests,
        labels=labels,
        texts_changed=50 if method != UNTOUCHED and len(members) == 1 else None,
    )


def verdicts(rows: Iterable[AnswerRow]) -> Values:
    """Return prompt -> 1 or 0 for each draw; answers without a verdict are left out."""
    found: Values = {}
    for row in rows:
        if row.label is not None:
            found.setdefault(row.prompt_id, []).append(float(row.label in SHOWS))
    return found


def number(name: str, value: float | None, spread: float = 0.0, *, n: int = 64) -> Measurement:
    """Return a measurement with a symmetric interval; without a value it has none."""
    low, high = (None, None) if value is None else (value - spread, value + spread)
    return Measurement(
        name, value, n, low, high, INFOS[name].unit if name in INFOS else "", f"{name}, made up"
    )


def neuron(index: int) -> TopNeuron:
    """Return one of the strongest neurons."""
    rng = random.Random(index)
    words = [
        " I",
        " cannot",
        " sorry",
        "Sorry",
        " unable",
        " refuse",
        "\n\n",
        " illegal",
        "抱歉",
        " not",
        " No",
    ]
    layer = rng.randrange(12, 24)
    return TopNeuron(
        layer=layer,
        path=f"model.layers.{layer}.mlp.down_proj",
        expert=None,
        index=rng.randrange(WIDTH),
        dose=1.0,
        score=4.2 / (index + 1.5),
        positive_mean=rng.uniform(0.6, 3.2) * rng.choice([1, 1, -1]),
        negative_mean=rng.uniform(-0.4, 0.5),
        tokens=tuple(rng.sample(words, 6)),
    )


def profile(name: str, counts: Sequence[int] = EARLY) -> LayerProfile:
    """Return the layers of a circuit."""
    total = sum(counts)
    return LayerProfile(
        name=name, neurons=total, fraction=total / (LAYERS * WIDTH), by_layer=dict(enumerate(counts))
    )


def circuit(name: str, counts: Sequence[int] = EARLY) -> CircuitFacts:
    """Return a circuit."""
    return CircuitFacts(
        **profile(name, counts).model_dump(),
        ranking="readout",
        experts=0,
        top=tuple(neuron(index) for index in range(12)),
        provenance={"ranking": "readout", "date": "2026-09-01", "versions": {"torch": "2"}},
    )


def method(name: str, text: str, found: CircuitFacts | None = None) -> MethodFacts:
    """Return what a method is."""
    return MethodFacts(name=name, description=text, acts_on="model", circuit=found)


def model_facts(
    methods: Sequence[MethodFacts], *, name: str = "Qwen2.5-Coder-0.5B-Instruct", **more: object
) -> ModelFacts:
    """Return the facts of a model."""
    usual: dict[str, object] = {
        "identity": {
            "name": f"Qwen/{name}",
            "revision": "ea3f2471cf1b1f0db85067f1ef93848e38e88c25",
            "source": "Q4_K_M GGUF from the Python package index, converted to float32",
            "dtype": "float32",
            "template_sha256": "c7" * 32,
            "weights_sha256": None,
        },
        "occurs": True,
        "asked": "in its own chat template",
        "profiles": tuple(
            LayerProfile(**one.circuit.model_dump(include={"name", "neurons", "fraction", "by_layer"}))
            for one in methods
            if one.circuit is not None
        ),
    }
    return ModelFacts(
        name=name,
        token_read="'\\n', the last of the prompt",
        layers=LAYERS,
        neurons=LAYERS * WIDTH,
        methods={one.name: one for one in methods},
        **{**usual, **more},
    )


def whole(models: dict[str, ModelFacts], cells: Sequence[Cell], command: str, **more: object) -> Summary:
    """Return a summary with settings, prompts and provenance."""
    taken = {name for one in cells for name in one.measures}
    usual: dict[str, object] = {
        "behaviour": "refusal",
        "sensitive": True,
        "detector": "full or partial refusals, by rules",
        "shows": SHOWS,
        "models": models,
        "measures": {name: one for name, one in INFOS.items() if name in taken},
        "cells": tuple(cells),
        "settings": {
            "controls": {"controls": 2, "seed": 0},
            "decoding": {"max_new_tokens": 150, "batch_size": 16},
            "chat": {"system": None, "thinking": None},
        },
        "prompts": {"contrast": "refusal", "contrast_sha256": "9f" * 32, "discovery": [48, 48]},
        "ranking": RankingFacts(asked="readout", used="readout"),
        "provenance": {
            "date": "2026-09-01T12:00:00+00:00",
            "versions": {"neuroswitch": "0.1.0", "torch": "2.13.0"},
            "command": command,
            "engine": "transformers",
        },
    }
    return Summary(**{**usual, **more})


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
        "matched": Matched(by="kl", budget=0.1, rows=tuple(matched_row(cells, name) for name in names)),
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


def matched_row(cells: Sequence[Cell], name: str) -> MatchedRow:
    """Return a method at the greatest strength whose KL is at most 0.1."""
    within = [one for one in cells if one.method == name and (one.measures["kl"].value or 0.0) <= 0.1]
    best = within[-1]
    return MatchedRow(
        method=name,
        strength=best.strength,
        behaviour=best.measures["behaviour"],
        damage=best.measures["kl"],
        p_adjusted=best.tests["behaviour"].p_adjusted,
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
KEPT |= {"better", "aggregate", "unit", "models", "methods", "measures", "changes", "tests", "labels"}
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
