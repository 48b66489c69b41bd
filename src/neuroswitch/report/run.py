"""The page of one run: what the templates need, taken from its summary and its completions.

Decides what a shareable page may show: texts of a sensitive run stay in `results.jsonl` unless
they are asked for. Knows no HTML.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from neuroswitch.report import plots, prose, verdicts
from neuroswitch.report.schema import CircuitFacts, PairedTest, Profile, ResultRow, RunSummary
from neuroswitch.report.words import percent
from neuroswitch.statistics import Rate

MARKS = {"baseline": "ring", "steered": "circle", "random": "diamond", "amplified": "triangle"}
MOST_PAIRS = 200
"""Pairs of answers on one page; more are left to `results.jsonl`."""


class Condition(NamedTuple):
    """One row of the table of rates; `tone` is its colour on the whole page."""

    label: str
    tone: str
    rate: Rate
    test: PairedTest | None

    @property
    def dot(self) -> plots.Dot:
        """The row of the dot plot."""
        rate = self.rate
        return plots.Dot(
            self.label, self.tone, rate["rate"], rate["low"], rate["high"], percent(rate["rate"])
        )


class Answer(NamedTuple):
    """One completion, its text cut at the span that decided the verdict; hidden texts are absent."""

    label: str
    reason: str
    tokens: int
    finish: str
    before: str
    span: str
    after: str


class Pair(NamedTuple):
    """The answers to one prompt without and with the intervention."""

    prompt_id: str
    prompt: str
    untouched: Answer
    steered: Answer


class Samples(NamedTuple):
    """The pairs of one pile of prompts; `more` were left out, `hidden` says whether texts were."""

    name: str
    pairs: tuple[Pair, ...]
    more: int
    hidden: bool

    @property
    def changed(self) -> int:
        """How many verdicts differ between the two answers."""
        return sum(pair.untouched.label != pair.steered.label for pair in self.pairs)


def context(summary: RunSummary, rows: Sequence[ResultRow], *, show_completions: bool) -> dict[str, Any]:
    """Return the variables of `run.html.j2`."""
    groups = _groups(summary)
    counts = [one.rate["labels"] for _, group in groups for one in group]
    tones = verdicts.tones(counts, summary.get("shows", ()))
    return {
        "kind": "run",
        "title": f"Switching {prose.named(summary['behaviour'])} in",
        "model_name": short_name(summary["model"]),
        "question": prose.question(summary),
        "answer": prose.answer(summary),
        "cautions": prose.cautions(summary, rows),
        "rate_title": prose.rate_title(summary["behaviour"]),
        "rate_name": prose.rate_name(summary["behaviour"]),
        "groups": groups,
        "ticks": plots.fractions("").ticks,
        "marks": MARKS,
        "tones": tones,
        "stacks": [
            (name, [(one, plots.stack(one.rate["labels"], list(tones))) for one in group])
            for name, group in groups
        ],
        "counted": prose.counted(summary),
        "test_names": ", ".join(sorted({test["test"] for test in summary["tests"].values()})),
        "random_inside": prose.inside(summary["random"], summary["baseline"]),
        "bars": plots.layer_bars(layers(summary["circuit"])),
        "concentration": concentration(summary["circuit"]),
        "neurons": _neurons(summary["circuit"]),
        "experts": any(one["expert"] is not None for one in summary["circuit"]["top"]),
        "routing": _routing(summary),
        "samples": list(_samples(summary, rows, show_completions=show_completions)),
        "limits": prose.limits(summary),
    }


def short_name(model: Mapping[str, Any]) -> str:
    """Return the last part of a model's name, which is what people call it."""
    return str(model["name"]).rstrip("/").rpartition("/")[2]


def _groups(summary: RunSummary) -> list[tuple[str, list[Condition]]]:
    """Return the conditions by pile: (what the prompts are, rows)."""
    tests = summary["tests"]
    circuit = f"Circuit {prose.action(summary['circuit']['multiplier'])}"
    labels = {
        "baseline": "Untouched",
        "steered": circuit,
        "random": "Random neurons",
        "amplified": "Circuit amplified",
    }
    names = prose.pile_names(summary["behaviour"])
    found: dict[str, list[Condition]] = {"positive": [], "negative": []}
    for pile, name, rate in prose.stated_rates(summary):
        test = tests.get(name if pile == "positive" else f"benign_{name}")
        found[pile].append(Condition(labels[name], name, rate, test))
    return [(names[pile], conditions) for pile, conditions in found.items()]


def layers(profile: Profile) -> dict[int, int]:
    """Return layer -> neurons, with layers as numbers."""
    return {int(layer): count for layer, count in profile["by_layer"].items()}


def concentration(profile: Profile) -> dict[str, float]:
    """Return which share of a circuit lies in the last three layers and in the last quarter of them."""
    by_layer = layers(profile)
    count, total = max(by_layer, default=0) + 1, sum(by_layer.values())
    starts = {"last_three": count - 3, "last_quarter": count - count // 4}
    return {
        name: sum(found for layer, found in by_layer.items() if layer >= start) / total if total else 0.0
        for name, start in starts.items()
    }


def _neurons(circuit: CircuitFacts) -> list[dict[str, Any]]:
    """Return the rows of the table of neurons, their two class means placed on one common axis."""
    means = [mean for one in circuit["top"] for mean in (one["positive_mean"], one["negative_mean"])]
    axis = plots.linear([0.0, *means], "activation")
    return [
        {
            **one,
            "name": ":".join(
                str(part) for part in (one["layer"], one["expert"], one["index"]) if part is not None
            ),
            "positive_at": axis.place(one["positive_mean"]),
            "negative_at": axis.place(one["negative_mean"]),
            "zero_at": axis.place(0.0),
        }
        for one in circuit["top"]
    ]


def _routing(summary: RunSummary) -> dict[str, Any] | None:
    """Return the section on the router of a mixture of experts; None for other models."""
    if "routing" not in summary:
        return None
    found = summary["routing"]
    moved = [f"{layer} ({count})" for layer, count in found["by_layer"].items() if count]
    return {
        "sentence": prose.routing(found),
        "rows": [
            ("Set of experts changed", found["sets_changed"]),
            ("Weightiest expert changed", found["top1_changed"]),
            ("Experts kept", found["overlap"]),
        ],
        "where": ", ".join(moved) or "none",
    }


def _samples(summary: RunSummary, rows: Sequence[ResultRow], *, show_completions: bool) -> Iterator[Samples]:
    """Yield the pairs of each pile, in the order of the prompts: nothing is picked."""
    names = prose.pile_names(summary["behaviour"])
    for pile in ("positive", "negative"):
        hidden = pile == "positive" and summary.get("sensitive", True) and not show_completions
        mine = [row for row in rows if row["pile"] == pile]
        steered = {row["prompt_id"]: row for row in mine if row["condition"] == "steered"}
        pairs = [
            Pair(
                row["prompt_id"],
                "" if hidden else row["prompt"],
                _answer(row, hidden),
                _answer(steered[row["prompt_id"]], hidden),
            )
            for row in mine
            if row["condition"] == "baseline" and row["prompt_id"] in steered
        ]
        if pairs:
            yield Samples(names[pile], tuple(pairs[:MOST_PAIRS]), max(0, len(pairs) - MOST_PAIRS), hidden)


def _answer(row: Mapping[str, Any], hidden: bool) -> Answer:
    text = "" if hidden else row["text"]
    start, end = row.get("span") or (0, 0)
    if not 0 <= start <= end <= len(text):
        start, end = 0, 0
    return Answer(
        label=row["label"] or "no verdict",
        reason=row["reason"],
        tokens=row["tokens"],
        finish=row["finish"],
        before=text[:start],
        span=text[start:end],
        after=text[end:],
    )
