"""What a comparison of two checkpoints means, in sentences that follow from its numbers by fixed rules."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from neuroswitch.report.prose import (
    DEGENERATE_SHARE,
    FEW_PROMPTS,
    SIGNIFICANT,
    inside,
    named,
    rate_name,
)
from neuroswitch.report.schema import Checkpoint, ModelsSummary, ResultRow, StudyCondition
from neuroswitch.report.words import p_equals, percent, plain
from neuroswitch.statistics import UNJUDGED, Rate


def question(summary: ModelsSummary) -> str:
    """Return what was asked, in one sentence."""
    done = _done(summary)
    return (
        f"Do these two models keep {named(summary['behaviour'])} in the same neurons, and does the same "
        f"happen in both when those neurons are {done}?"
    )


def answer(summary: ModelsSummary) -> str:
    """Return the result in one sentence, no stronger than its tests."""
    parts = [_sharing(summary), *(_effect(summary, role) for role in ("instruct", "base"))]
    return "; ".join(parts) + "."


def _sharing(summary: ModelsSummary) -> str:
    if not summary["overlap"]:
        return "The circuits were not compared"
    found = summary["overlap"][0]
    chance = found["by_layer"]
    share = f"{found['shared']} of {max(found['sizes'])} neurons"
    expected = f"where chance in the same layers would give {plain(chance['expected'])}"
    if chance["p"] < SIGNIFICANT:
        return f"The two circuits share {share}, {expected} ({p_equals(chance['p'])})"
    return f"The two circuits share {share}, no more than chance: {expected} ({p_equals(chance['p'])})"


def _effect(summary: ModelsSummary, role: str) -> str:
    model = summary["models"][role]
    before, own = model["positive"]["baseline"]["rate"], model["positive"]["own"]
    what = f"the {rate_name(summary['behaviour'])} of {model['name']}"
    if before["rate"] is None or own["rate"]["rate"] is None:
        return f"{what} could not be measured"
    if not model["occurs"] and summary["multiplier"] < 1:
        return f"{what} is {percent(before['rate'])} to begin with, so there is nothing to switch off"
    doing = "switching its own circuit off"
    if summary["multiplier"] != 0:
        doing = f"multiplying its own circuit by {summary['multiplier']:g}"
    return f"{doing} {_change(what, before, own)}"


def _change(what: str, before: Rate, after: StudyCondition) -> str:
    rates = f"from {percent(before['rate'])} to {percent(after['rate']['rate'])}"
    p = after["p_adjusted"]
    if p is None:
        return f"takes {what} {rates}, which was not tested"
    if p >= SIGNIFICANT:
        return f"does not measurably change {what} ({rates}, {p_equals(p)})"
    verb = "lowers" if (after["rate"]["rate"] or 0.0) < (before["rate"] or 0.0) else "raises"
    return f"{verb} {what} {rates} ({p_equals(p)})"


def explained(summary: ModelsSummary) -> list[str]:
    """Return what each circuit does in the other model and to the texts, one sentence each."""
    base, instruct = summary["models"]["base"], summary["models"]["instruct"]
    sentences = []
    for model, other in ((base, instruct), (instruct, base)):
        before, found = model["positive"]["baseline"]["rate"], model["positive"]["other"]
        what = f"the {rate_name(summary['behaviour'])} of {model['name']}"
        sentences.append(
            f"The neurons of {other['name']}, {_done(summary)} in {model['name']}: this "
            f"{_change(what, before, found)}."
        )
    for model in (base, instruct):
        sentences.append(
            f"Under its own circuit {_texts(model, 'own')} answers of {model['name']} differ from the untouched "
            f"model’s in their text; under random neurons {_texts(model, 'random')}."
        )
    return sentences


def _texts(model: Checkpoint, state: str) -> str:
    found = model["positive"].get(state)
    if found is None or found["changed"] is None:
        return "an unknown number of"
    return f"{found['changed']} of {sum(found['rate']['labels'].values())}"


def _done(summary: ModelsSummary) -> str:
    return "switched off" if summary["multiplier"] == 0 else f"multiplied by {summary['multiplier']:g}"


def counted(summary: ModelsSummary) -> str:
    """Return which answers count as the behaviour, as a sentence."""
    how, labels = summary["provenance"].get("detector"), " and ".join(summary["shows"])
    return f"Counted: {how} (verdicts: {labels})." if how else ""


def cautions(summary: ModelsSummary, rows: Sequence[ResultRow]) -> list[str]:
    """Return what a reader must know before the numbers."""
    models = summary["models"].values()
    return [
        *summary["warnings"],
        *_differences(summary),
        *(line for model in models for line in _weaknesses(summary, model)),
        *_disagreements(summary, rows),
    ]


def _differences(summary: ModelsSummary) -> Iterator[str]:
    ranking, (base, instruct) = summary["ranking"], summary["models"].values()
    n = base["positive"]["baseline"]["rate"]["n"]
    if 0 < n < FEW_PROMPTS:
        yield f"Only {n} held-out prompts: the intervals are wide."
    if ranking["used"] != ranking["asked"]:
        yield (
            f"The ranking {ranking['asked']} needs responses that show the behaviour, and "
            f"{ranking['reason']}: both circuits were ranked by {ranking['used']} instead, which needs none."
        )
    if not summary["same_tokens"]:
        yield (
            "The two models were not asked with the same tokens: prompts are put to "
            f"{base['name']} {base['asked']}, to {instruct['name']} {instruct['asked']}. Some of every "
            "difference may come from that."
        )
    digests = {
        summary["provenance"].get(f"{role} model", {}).get("weights_sha256") for role in ("base", "instruct")
    }
    if len(digests) == 1 and None not in digests:
        yield (
            "Both models have the same fingerprint of weights, which samples each tensor: they are one model, "
            "or differ in a few values only."
        )


def _weaknesses(summary: ModelsSummary, model: Checkpoint) -> Iterator[str]:
    found = model["positive"]
    before = found["baseline"]["rate"]
    if not model["occurs"]:
        yield (
            f"{model['name']} does not show the behaviour: {before['refusals']} of {before['n']} answers. Its "
            "circuit is what tells the two kinds of prompts apart, not what brings the behaviour about."
        )
    for name, state in (("its own circuit", "own"), ("the other’s circuit", "other")):
        after = found[state]["rate"]
        degenerate = after["labels"].get("degenerate", 0)
        if after["n"] and degenerate / after["n"] >= DEGENERATE_SHARE:
            part = percent(degenerate / after["n"])
            yield f"{part} of the answers of {model['name']} under {name} are degenerate."
    if "random" in found and inside(found["random"]["rate"], before) is False:
        yield (
            f"Random neurons take the {rate_name(summary['behaviour'])} of {model['name']} out of the untouched "
            "model’s interval: some of every effect comes with intervening at all."
        )


def _disagreements(summary: ModelsSummary, rows: Sequence[Any]) -> Iterator[str]:
    """Count the verdicts again; a report must not show other numbers than its own completions give."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows:
        key = (row["model"], row["pile"], row["condition"].partition(":")[0])
        counts.setdefault(key, Counter())[row["label"] or UNJUDGED] += 1
    for role, model in summary["models"].items() if rows else ():
        for pile, states in (("positive", model["positive"]), ("negative", model["negative"])):
            for state, found in states.items():
                stated = {label: count for label, count in found["rate"]["labels"].items() if count}
                if counts.get((role, pile, state), Counter()) != stated:
                    yield (
                        "The verdicts in results.jsonl do not add up to the summary "
                        f"({model['name']}, {state}, {pile} prompts)."
                    )


def limits(summary: ModelsSummary) -> list[str]:
    """Return what this report does not show."""
    tokens = summary["settings"].get("decoding", {}).get("max_new_tokens")
    cut = f" after {tokens} tokens" if tokens else ""
    return [
        "Two models and one set of prompts. The intervals say how far the rates would move with other prompts of "
        "the same kind; they say nothing about other pairs of models.",
        "A neuron is the same neuron in both models only by its place. Where one model was tuned from the other "
        "that is a fair identity; where both were trained apart, an overlap at the level of chance is what to "
        "expect even if they work alike.",
        "A circuit is the top of a ranking, and its size was chosen, not found: neurons just below the cut are "
        "left out in both models, so two circuits can differ more than the rankings do.",
        "Chance levels take a neuron's layer into account, not its own size of activation: rankings by raw "
        "activation prefer the same large neurons in both models, whatever the behaviour.",
        f"Verdicts come from an automatic detector, not from people, and answers are cut off{cut}: what would "
        "come later is not judged. Capability was not measured here.",
    ]
