"""Parts of made-up summaries: harmless texts, and numbers that are counted in the answers."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from neuroswitch.records import NEGATIVE, POSITIVE, UNTOUCHED, AnswerRow, MeasureInfo
from neuroswitch.statistics import (
    Measurement,
    Values,
    mean_of,
    paired_change,
    paired_test,
    rate_of,
)
from neuroswitch.summary import (
    Cell,
    CircuitFacts,
    LayerProfile,
    MethodFacts,
    ModelFacts,
    PairedTest,
    RankingFacts,
    Summary,
    TopNeuron,
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
LAYERS, WIDTH = 24, 4864
NEURONS = 116
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
