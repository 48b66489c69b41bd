"""What an experiment means, in sentences: the question, the answer, what to be careful about, the limits.

Every sentence follows from the numbers in the summary by a fixed rule, so that a report cannot claim more than
was measured and tested.
"""

from collections import Counter
from collections.abc import Iterator

from neuroswitch.records import UNJUDGED
from neuroswitch.report.summary import Cell
from neuroswitch.report.view import View, doing, write
from neuroswitch.report.words import number, p_equals, percent, plain, share, whole
from neuroswitch.statistics import Measurement

SIGNIFICANT = 0.05
"""A paired test at or above this does not count as a change."""

FEW_PROMPTS = 50
DEGENERATE_SHARE = 0.05
QUALITY_LOSS = 0.01


def title(view: View) -> str:
    """Return the heading, up to the name of the model."""
    if view.two:
        return f"Where {view.behaviour} is in"
    return f"Ways to switch {view.behaviour} in" if view.many else f"Switching {view.behaviour} in"


def question(view: View) -> str:
    """Return what was asked, in one sentence."""
    if view.many:
        return f"Which method changes the {view.rate_name} most, and what does each cost the model?"
    strength = view.summary.changed()[0].strength if view.summary.changed() else 1.0
    done = "switched off" if strength == 1 else f"multiplied by {1 - strength:g}"
    if view.two:
        return (
            f"Do these two models keep {view.behaviour} in the same neurons, and does the same happen in both"
            f" when those neurons are {done}?"
        )
    what = "refuses" if view.summary.behaviour == "refusal" else f"shows {view.behaviour}"
    return f"Which few neurons decide whether this model {what}, and what happens when they are {done}?"


def answer(view: View) -> str:
    """Return the result in one sentence, no stronger than its tests."""
    if view.two:
        return "; ".join([_sharing(view), *(_own_effect(view, role) for role in reversed(view.roles))]) + "."
    if view.many:
        return _best(view)
    changed = [cell for cell in view.summary.changed() if cell.method != "random"]
    if not changed:
        return "Nothing but random controls was tried."
    cell, what = changed[0], f"the {view.rate_name}"
    before, after = view.untouched(cell.model).measures["behaviour"], cell.measures["behaviour"]
    if before.value is None or after.value is None:
        return "No held-out prompt got a verdict, so there is no rate to compare."
    facts = view.facts(cell)
    if facts is not None and facts.circuit is not None:
        circuit = facts.circuit
        start = f"{doing(cell.strength)} {whole(circuit.neurons)} neurons ({share(circuit.fraction)} of all)"
    else:
        start = f"The method {cell.method} at strength {plain(cell.strength)}"
    rates = f"from {percent(before.value)} to {percent(after.value)} on {before.n} held-out prompts"
    p = cell.tests["behaviour"].p
    if p is None:
        return f"{start} takes {what} {rates}; the change was not tested."
    if p >= SIGNIFICANT:
        return f"{start} does not measurably change {what}: {rates} ({p_equals(p)})."
    verb = "lowers" if after.value < before.value else "raises"
    return f"{start} {verb} {what} {rates} ({p_equals(p)})."


def _best(view: View) -> str:
    """Return which method leaves the behaviour rarest, at the same damage if that was measured."""
    matched = view.summary.matched
    if matched is not None:
        info = view.summary.measures[matched.by]
        where = f"At the same damage ({info.cost.partition(' (')[0]} at most {write(info, matched.budget)})"
        found = [(row.method, row.behaviour) for row in matched.rows]
    else:
        where = "At full strength"
        found = [(cell.method, cell.measures["behaviour"]) for cell in view.strongest(view.roles[0])[1:]]
    known = [(name, one, one.value) for name, one in found if one is not None and one.value is not None]
    ranked = sorted(known, key=lambda entry: entry[2])
    before, what = percent(view.untouched(view.roles[0]).measures["behaviour"].value), f"the {view.rate_name}"
    if not ranked:
        return f"{where}, no method could be measured; untouched, {what} is {before}."
    name, best, value = ranked[0]
    sentence = f"{where}, {name} leaves {what} lowest: {percent(value)}, from {before} untouched"
    if len(ranked) == 1:
        return sentence + "."
    second, other, runner_up = ranked[1]
    doubt = ", though their intervals overlap" if _overlap(best, other) else ""
    return f"{sentence}; the next is {second} with {percent(runner_up)}{doubt}."


def _overlap(one: Measurement, other: Measurement) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return True
    return one.low <= other.high and other.low <= one.high


def _sharing(view: View) -> str:
    if not view.summary.overlap:
        return "The circuits were not compared"
    found = view.summary.overlap[0]
    of = f"{found.shared} of {max(found.sizes)} neurons"
    expected = f"where chance in the same layers would give {plain(found.by_layer.expected)}"
    test = f"({p_equals(found.by_layer.p)})"
    if found.by_layer.p < SIGNIFICANT:
        return f"The two circuits share {of}, {expected} {test}"
    return f"The two circuits share {of}, no more than chance: {expected} {test}"


def _own_effect(view: View, role: str) -> str:
    """Return what a model's own circuit does in it."""
    model = view.summary.models[role]
    what = f"the {view.rate_name} of {model.name}"
    own = next(
        (cell for cell in view.summary.changed(role) if cell.method not in ("random", "transfer")), None
    )
    before = view.untouched(role).measures["behaviour"]
    if own is None or before.value is None or own.measures["behaviour"].value is None:
        return f"{what} could not be measured"
    if not model.occurs and own.strength > 0:
        return f"{what} is {percent(before.value)} to begin with, so there is nothing to switch off"
    start = "switching its own circuit off"
    if own.strength != 1:
        start = f"multiplying its own circuit by {1 - own.strength:g}"
    rates = f"from {percent(before.value)} to {percent(own.measures['behaviour'].value)}"
    p = own.tests["behaviour"].p_adjusted
    if p is None:
        return f"{start} takes {what} {rates}, which was not tested"
    if p >= SIGNIFICANT:
        return f"{start} does not measurably change {what} ({rates}, {p_equals(p)})"
    verb = "lowers" if own.measures["behaviour"].value < before.value else "raises"
    return f"{start} {verb} {what} {rates} ({p_equals(p)})"


def counted(view: View) -> str:
    """Return which answers count as the behaviour, as a sentence."""
    return f"Counted: {view.summary.detector} (verdicts: {' and '.join(view.summary.shows)})."


def cautions(view: View) -> list[str]:
    """Return what a reader must know before the numbers: the experiment's warnings and what is found here."""
    found = [*view.summary.warnings, *_weaknesses(view), *_differences(view), *_disagreements(view)]
    return list(dict.fromkeys(found))


def _weaknesses(view: View) -> Iterator[str]:
    n = view.untouched(view.roles[0]).measures["behaviour"].n
    if 0 < n < FEW_PROMPTS:
        yield f"Only {n} held-out prompts: the intervals are wide."
    if (matched := view.summary.matched) and (
        out := [row.method for row in matched.rows if row.behaviour is None]
    ):
        yield f"Not compared at the same damage, because every strength costs more: {', '.join(out)}."
    for cell in view.summary.cells:
        yield from _cell_weaknesses(view, cell)


def _cell_weaknesses(view: View, cell: Cell) -> Iterator[str]:
    before = view.untouched(cell.model)
    where = f" in {view.summary.models[cell.model].name}" if view.two else ""
    state = f"{cell.method} at strength {plain(cell.strength)}" if view.many else view.label(cell)
    if cell is before:
        return
    if cell.method == "random":
        test = cell.tests.get("behaviour")
        if test and test.p_adjusted is not None and test.p_adjusted < SIGNIFICANT:
            yield (
                f"Random neurons change the {view.rate_name} too{where} (strength {plain(cell.strength)}): some"
                " of every effect comes with scaling any neurons."
            )
        return
    labels = cell.labels.get("positive", {})
    degenerate = labels.get("degenerate", 0) / max(sum(labels.values()), 1)
    if degenerate >= DEGENERATE_SHARE:
        yield (
            f"{percent(degenerate)} of the answers under {state}{where} are degenerate: fewer refusals are not"
            " more answers."
        )
    if not view.many and (lost := _quality_lost(before, cell)) > QUALITY_LOSS:
        yield f"Answers under {state}{where} repeat themselves more: quality falls by {number(lost)}."


def _quality_lost(before: Cell, after: Cell) -> float:
    was, now = before.measures.get("quality"), after.measures.get("quality")
    if was is None or now is None or was.value is None or now.value is None:
        return 0.0
    return was.value - now.value


def _differences(view: View) -> Iterator[str]:
    """Say how two models were not treated alike, and where a model does not show the behaviour."""
    ranking = view.summary.ranking
    if ranking.used != ranking.asked:
        yield (
            f"The ranking {ranking.asked} needs responses that show the behaviour, and {ranking.reason}: both"
            f" circuits were ranked by {ranking.used} instead, which needs none."
        )
    if not view.two:
        return
    models = list(view.summary.models.values())
    if not view.summary.same_tokens:
        yield (
            f"The two models were not asked with the same tokens: prompts are put to {models[0].name}"
            f" {models[0].asked}, to {models[1].name} {models[1].asked}. Some of every difference may come from"
            " that."
        )
    digests = {model.identity.get("weights_sha256") for model in models}
    if len(digests) == 1 and None not in digests:
        yield (
            "Both models have the same fingerprint of weights, which samples each tensor: they are one model, or"
            " differ in a few values only."
        )
    for model in models:
        if not model.occurs:
            yield (
                f"{model.name} does not show the behaviour. Its circuit is what tells the two kinds of prompts"
                " apart, not what brings the behaviour about."
            )


def _disagreements(view: View) -> Iterator[str]:
    """Count the verdicts again; a report must not show other numbers than its own completions give."""
    if not view.answers:
        return
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for row in view.answers:
        found.setdefault((row.model, row.condition, row.pile), Counter())[row.label or UNJUDGED] += 1
    for cell in view.summary.cells:
        for pile, stated in cell.labels.items():
            counts: Counter[str] = Counter()
            for condition in cell.members:
                counts += found.get((cell.model, condition, pile), Counter())
            if counts != Counter(stated):
                yield (
                    f"The verdicts in results.jsonl do not add up to the summary ({view.label(cell)}, {pile}"
                    f" prompts): {_counts(counts)}, not {_counts(Counter(stated))}."
                )


def _counts(labels: Counter[str]) -> str:
    return ", ".join(f"{label} {count}" for label, count in sorted(labels.items())) or "none"


def limits(view: View) -> list[str]:
    """Return what this report does not show."""
    decoding = view.summary.settings.get("decoding")
    tokens = decoding.get("max_new_tokens") if isinstance(decoding, dict) else None
    cut = f" after {tokens} tokens" if tokens else ""
    models = "Two models" if view.two else "One model"
    found = [
        f"{models} and one set of prompts. The intervals say how far a number would move with other prompts of the"
        " same kind; they say nothing about another model, another template or sampled answers.",
        f"Verdicts come from an automatic detector, not from people, and answers are cut off{cut}: what would come"
        " later is not judged.",
    ]
    if view.two:
        found += [
            "A neuron is the same neuron in both models only by its place. Where one model was tuned from the other"
            " that is a fair identity; where both were trained apart, an overlap at the level of chance is what to"
            " expect even if they work alike.",
            "A circuit is the top of a ranking, and its size was chosen, not found: neurons just below the cut are"
            " left out in both models, so two circuits can differ more than the rankings do.",
            "Chance levels take a neuron's layer into account, not its own size of activation: rankings by raw"
            " activation prefer the same large neurons in both models, whatever the behaviour.",
        ]
    if view.many:
        found += [
            "Each method has its own meaning of strength: compare them at the same damage, not at the same strength.",
            "Tuned methods were tuned on validation prompts, with the effort that their descriptions state; more"
            " effort could move any of them.",
        ]
    else:
        found.append(
            "That scaling neurons changes the behaviour shows that they take part in it, not that they are the only"
            " ones, nor that they do nothing else."
        )
    return [*found, *_unmeasured(view)]


def _unmeasured(view: View) -> Iterator[str]:
    if "quality" in view.summary.measures:
        yield (
            "Quality is one minus the share of repeated word 4-grams. It sees loops; it does not see nonsense, errors"
            " or lost knowledge."
        )
    titles = {"kl": "KL", "perplexity": "perplexity", "mmlu": "MMLU", "over_refusal": "over-refusal"}
    missing = [title for name, title in titles.items() if name not in view.summary.measures]
    if missing:
        yield f"Every measure of damage sees one kind of it. Not measured here: {', '.join(missing)}."
    if any(method.circuit for model in view.summary.models.values() for method in model.methods.values()):
        yield (
            "The tokens beside a neuron are those its output weights promote directly. What later layers make of it"
            " is not seen."
        )
