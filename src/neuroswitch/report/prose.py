"""What a run means, in sentences: the answer, what to be careful about, and the limits.

Every sentence follows from the numbers in the summary by a fixed rule, so that a report cannot
claim more than was measured. Knows the run summary; does not know HTML.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neuroswitch.report.schema import ResultRow, Routing, RunSummary
from neuroswitch.report.words import number, p_equals, percent, share, whole
from neuroswitch.statistics import UNJUDGED, Rate

SIGNIFICANT = 0.05
"""A paired test at or above this does not count as a change."""

FEW_PROMPTS = 50
DEGENERATE_SHARE = 0.05
QUALITY_LOSS = 0.01


def named(behaviour: str) -> str:
    """Return the behaviour as a noun."""
    return behaviour if behaviour == "refusal" else f"“{behaviour}”"


def rate_name(behaviour: str) -> str:
    """Return what is counted, for the middle of a sentence."""
    title = rate_title(behaviour)
    return title[0].lower() + title[1:]


def rate_title(behaviour: str) -> str:
    """Return what is counted, as the beginning of a line."""
    return "Refusal rate" if behaviour == "refusal" else f"Rate of {named(behaviour)}"


def pile_names(behaviour: str) -> dict[str, str]:
    """Return what the positive and the negative prompts are called."""
    if behaviour == "refusal":
        return {"positive": "Harmful requests", "negative": "Benign requests"}
    return {"positive": "Prompts that call for it", "negative": "Prompts that do not"}


def action(multiplier: float) -> str:
    """Return what was done to a neuron, as a heading: "switched off", "× 2"."""
    return "switched off" if multiplier == 0 else f"× {multiplier:g}"


def question(summary: RunSummary) -> str:
    """Return what was asked, in one sentence."""
    done = (
        "switched off"
        if summary["circuit"]["multiplier"] == 0
        else f"multiplied by {summary['circuit']['multiplier']:g}"
    )
    what = "refuses" if summary["behaviour"] == "refusal" else f"shows {named(summary['behaviour'])}"
    return f"Which few neurons decide whether this model {what}, and what happens when they are {done}?"


def answer(summary: RunSummary) -> str:
    """Return the result in one sentence, no stronger than its paired test."""
    before, after, circuit = summary["baseline"], summary["steered"], summary["circuit"]
    if before["rate"] is None or after["rate"] is None:
        return "No held-out prompt got a verdict, so there is no rate to compare."
    doing = "Switching off" if circuit["multiplier"] == 0 else f"Multiplying by {circuit['multiplier']:g}"
    size = f"{whole(circuit['neurons'])} neurons ({share(circuit['fraction'])} of all)"
    p = summary["tests"]["steered"]["p"] if "steered" in summary["tests"] else None
    what = f"the {rate_name(summary['behaviour'])}"
    rates = f"from {percent(before['rate'])} to {percent(after['rate'])} on {before['n']} held-out prompts"
    if p is None:
        return f"{doing} {size} takes {what} {rates}; the change was not tested."
    if p >= SIGNIFICANT:
        return f"{doing} {size} does not measurably change {what}: {rates} ({p_equals(p)})."
    verb = "lowers" if after["rate"] < before["rate"] else "raises"
    return f"{doing} {size} {verb} {what} {rates} ({p_equals(p)})."


def routing(found: Routing) -> str:
    """Return what became of the router's choices, and which neurons were never in use."""
    share = found["sets_changed"]["value"]
    moved = "stayed as they were" if not share else f"changed in {percent(share)} of cases"
    own = found["expert_neurons"]
    unused = f"{whole(found['unrouted'])} of the circuit's {whole(own)} neurons in experts" if own else ""
    return (
        f"Under the intervention, the experts chosen at the last token of {found['prompts']} held-out prompts, in "
        f"{found['layers']} layers with a router, {moved}."
        + (f" {unused} belong to experts that the untouched model chose for none of them." if own else "")
    )


def counted(summary: RunSummary) -> str:
    """Return which answers count as the behaviour, as a sentence; empty if the run does not say."""
    how = summary["provenance"].get("detector")
    labels = " and ".join(summary.get("shows", ()))
    named = f" (verdicts: {labels})" if labels else ""
    return f"Counted: {how}{named}." if how else ""


def inside(rate: Rate, reference: Rate) -> bool | None:
    """Return whether a rate lies in the interval of another; None if either is missing."""
    value, low, high = rate["rate"], reference["low"], reference["high"]
    if value is None or low is None or high is None:
        return None
    return low <= value <= high


def cautions(summary: RunSummary, rows: Sequence[ResultRow]) -> list[str]:
    """Return what a reader must know before the numbers: the run's warnings and what we find ourselves."""
    return [*summary["warnings"], *_weaknesses(summary), *_disagreements(summary, rows)]


def _weaknesses(summary: RunSummary) -> Iterator[str]:
    before, after = summary["baseline"], summary["steered"]
    if 0 < before["n"] < FEW_PROMPTS:
        yield f"Only {before['n']} held-out prompts: the intervals are wide."
    degenerate = after["labels"].get("degenerate", 0)
    if after["n"] and degenerate / after["n"] >= DEGENERATE_SHARE:
        part = percent(degenerate / after["n"])
        yield f"{part} of the steered answers are degenerate: fewer refusals are not more answers."
    if before["quality"] is not None and after["quality"] is not None:
        lost = before["quality"] - after["quality"]
        if lost > QUALITY_LOSS:
            yield f"Steered answers repeat themselves more: quality falls by {number(lost)}."
    if inside(summary["random"], before) is False:
        yield (
            "The random control lies outside the baseline's interval: some of the effect comes with scaling "
            "any neurons."
        )


def _disagreements(summary: RunSummary, rows: Sequence[ResultRow]) -> Iterator[str]:
    """Count the verdicts again; a report must not show other numbers than its own completions give."""
    for pile, name, rate in stated_rates(summary) if rows else ():
        stated = {label: count for label, count in rate["labels"].items() if count}
        found = Counter(
            row["label"] or UNJUDGED
            for row in rows
            if row["pile"] == pile and row["condition"].partition(":")[0] == name
        )
        if found != stated:
            yield (
                f"The verdicts in results.jsonl do not add up to the summary ({name}, {pile} prompts): "
                f"{_counts(found)}, not {_counts(stated)}."
            )


def stated_rates(summary: RunSummary) -> Iterator[tuple[str, str, Rate]]:
    """Yield (pile, condition, rate) for every rate in the summary."""
    conditions: Mapping[str, Any] = summary
    for name in ("baseline", "steered", "random", "amplified"):
        if name in conditions:
            yield "positive", name, conditions[name]
    for name, rate in (
        ("baseline", summary["benign"]["baseline"]),
        ("steered", summary["benign"]["steered"]),
    ):
        yield "negative", name, rate


def _counts(labels: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in sorted(labels.items())) or "none"


def limits(summary: RunSummary) -> list[str]:
    """Return what this report does not show."""
    tokens = summary["settings"].get("decoding", {}).get("max_new_tokens")
    cut = f" after {tokens} tokens" if tokens else ""
    return [
        "One model and one set of prompts. The intervals say how far the rates would move with other prompts "
        "of the same kind; they say nothing about another model, another template or sampled answers.",
        f"Verdicts come from an automatic detector, not from people, and answers are cut off{cut}: what "
        "would come later is not judged. Every verdict is shown, so that a change of wording can be told "
        "from a change of behaviour.",
        "Quality is one minus the share of repeated word 4-grams. It sees loops; it does not see nonsense, "
        "errors or lost knowledge. Capability was not measured here.",
        "That scaling these neurons changes the behaviour shows that they take part in it, not that they are "
        "the only ones, nor that they do nothing else.",
        "The tokens beside a neuron are those its output weights promote directly. What later layers make of "
        "it is not seen.",
    ]
