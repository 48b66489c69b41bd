"""What a comparison of methods means, in sentences that follow from its numbers by fixed rules."""

from collections.abc import Iterator

from neuroswitch.report.measures import MEASURES
from neuroswitch.report.prose import FEW_PROMPTS, SIGNIFICANT, rate_name
from neuroswitch.report.schema import Comparison, Measured
from neuroswitch.report.words import percent, plain


def answer(summary: Comparison) -> str:
    """Return which method leaves the behaviour rarest, at the same damage if that was measured."""
    matched = summary.get("matched")
    if matched is not None:
        where = f"At the same damage ({budget(summary)})"
        found = [(row["name"], row["harmful"]) for row in matched["rows"]]
    else:
        where = "At full strength"
        strongest = max(cell["strength"] for cell in summary["methods"])
        found = [
            (cell["name"], cell["harmful"]) for cell in summary["methods"] if cell["strength"] == strongest
        ]
    ranked = sorted(
        ((name, one, one["value"]) for name, one in found if one and one["value"] is not None),
        key=lambda entry: entry[2],
    )
    before = percent(summary["baseline"]["harmful"]["value"])
    what = f"the {rate_name(summary['behaviour'])}"
    if not ranked:
        return f"{where}, no method could be measured; untouched, {what} is {before}."
    name, best, value = ranked[0]
    sentence = f"{where}, {name} leaves {what} lowest: {percent(value)}, from {before} untouched"
    if len(ranked) == 1:
        return sentence + "."
    second, other, runner_up = ranked[1]
    doubt = ", though their intervals overlap" if _overlap(best, other) else ""
    return f"{sentence}; the next is {second} with {percent(runner_up)}{doubt}."


def budget(summary: Comparison) -> str:
    """Return the limit on damage under which methods are matched, in words."""
    matched = summary["matched"]
    measure = MEASURES[matched["by"]]
    return f"{measure.cost.partition(' (')[0]} at most {measure.write(matched['budget'])}"


def _overlap(one: Measured, other: Measured) -> bool:
    ends = (one["low"], one["high"], other["low"], other["high"])
    if any(end is None for end in ends):
        return True
    low, high, other_low, other_high = (float(end) for end in ends if end is not None)
    return low <= other_high and other_low <= high


def cautions(summary: Comparison) -> list[str]:
    """Return what a reader must know before the numbers."""
    return [*summary["warnings"], *_weaknesses(summary)]


def _weaknesses(summary: Comparison) -> Iterator[str]:
    n = summary["baseline"]["harmful"]["n"]
    if 0 < n < FEW_PROMPTS:
        yield f"Only {n} prompts: the intervals are wide."
    matched = summary.get("matched")
    if matched is not None and (out := [row["name"] for row in matched["rows"] if row["harmful"] is None]):
        yield f"Not compared at the same damage, because every strength costs more: {', '.join(out)}."
    changed = [
        plain(cell["strength"])
        for cell in summary["methods"]
        if cell["name"] == "random" and (p := cell.get("p_adjusted")) is not None and p < SIGNIFICANT
    ]
    if changed:
        yield (
            f"Random neurons change the {rate_name(summary['behaviour'])} too "
            f"(strength {', '.join(changed)}): some of every effect comes with intervening at all."
        )


def limits(summary: Comparison) -> list[str]:
    """Return what this report does not show."""
    missing = [measure.title for key, measure in MEASURES.items() if key not in summary["baseline"]]
    return [
        "One model and one set of prompts. The intervals say how far a number would move with other prompts "
        "of the same kind; they say nothing about other models or sampled answers.",
        "Each method has its own meaning of strength: compare them at the same damage, not at the same "
        "strength.",
        "Verdicts come from an automatic detector, not from people, and answers are cut off: what would come "
        "later is not judged.",
        "Every measure of damage sees one kind of it."
        + (f" Not measured here: {', '.join(missing)}." if missing else ""),
        "Tuned methods were tuned on validation prompts, with the effort that their descriptions state; more "
        "effort could move any of them.",
    ]
