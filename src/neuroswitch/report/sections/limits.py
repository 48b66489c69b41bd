"""What a reader must know before the numbers, and what the page does not show.

Every sentence follows from the summary by a fixed rule.
"""

from collections import Counter
from collections.abc import Iterator

from neuroswitch.records import POSITIVE, RANDOM, UNJUDGED, UNTOUCHED
from neuroswitch.report.sections.matched import dearer
from neuroswitch.report.sections.rates import inside
from neuroswitch.report.view import SIGNIFICANT, View
from neuroswitch.report.words import number, percent, short_number
from neuroswitch.summary import Cell

FEW_PROMPTS = 50
DEGENERATE_SHARE = 0.05
QUALITY_LOSS = 0.01

PAIR_LIMITS = (
    "A neuron is the same neuron in both models only by its place. Where one model was tuned from the other, that is "
    "a fair identity; where both were trained apart, an overlap at the level of chance is to be expected even if they "
    "work alike.",
    "A circuit is the top of a ranking, and its size was chosen, not found: neurons just below the cut are left out "
    "in both models, so two circuits can differ more than the rankings do.",
    "Chance levels take a neuron's layer into account, not its own size of activation: rankings by raw activation "
    "prefer the same large neurons in both models, whatever the behaviour.",
)
METHOD_LIMITS = (
    "Each method has its own meaning of strength: compare them at the same damage, not at the same strength.",
    "Tuned methods were tuned on validation prompts, with the effort that their descriptions state; more effort "
    "could move any of them.",
)
CIRCUIT_LIMITS = (
    "That scaling these neurons changes the behaviour shows that they take part in it, not that they are the only "
    "ones, nor that they do nothing else.",
    "The tokens beside a neuron are those that its output weights promote directly. What later layers make of it is "
    "not seen.",
)


def limits(view: View) -> dict[str, object]:
    """Return what this page does not show."""
    tokens = view.summary.option("decoding", "max_new_tokens")
    cut = f" after {tokens} tokens" if tokens else ""
    shown = (
        ""
        if view.two or view.many
        else (" Every verdict is shown, so that a change of wording can be told from a change of behaviour.")
    )
    scope = (
        ("Two models", "other pairs of models")
        if view.two
        else ("One model", "another model, another template")
    )
    lines = [
        f"{scope[0]} and one set of prompts. The intervals say how far a number would move with other prompts of the "
        f"same kind; they say nothing about {scope[1]} or sampled answers.",
        "Verdicts come from an automatic detector, not from people, and answers are cut off"
        f"{cut}: what would come later is not judged.{shown}",
        *(PAIR_LIMITS if view.two else ()),
        *(METHOD_LIMITS if view.many else ()),
        *(CIRCUIT_LIMITS if view.circuits else ()),
    ]
    if "quality" in view.damage:
        lines.append(
            "Quality is one minus the share of repeated word 4-grams. It falls where answers repeat themselves; it "
            "does not show nonsense, errors or lost knowledge."
        )
    return {"lines": [*lines, *_unmeasured(view)]}


def _unmeasured(view: View) -> Iterator[str]:
    titles = {
        "quality": "quality",
        "kl": "KL",
        "perplexity": "perplexity",
        "mmlu": "MMLU",
        "mmlu_cot": "MMLU step by step",
        "over_refusal": "over-refusal",
    }
    missing = [title for name, title in titles.items() if name not in view.damage]
    yield "Each measure of damage shows one kind of damage." + (
        f" Not measured here: {', '.join(missing)}." if missing else ""
    )


def cautions(view: View) -> list[str]:
    """Return what a reader must know before the numbers: the experiment's warnings and what is found here."""
    found = [
        *view.summary.warnings,
        *_size(view),
        *_ranking(view),
        *(_pair_differences(view) if view.two else ()),
        *_degenerate(view),
        *_quality(view),
        *_random(view),
        *_disagreements(view),
    ]
    return list(dict.fromkeys(found))


def _size(view: View) -> Iterator[str]:
    n = view.summary.untouched().measures["behaviour"].n
    if 0 < n < FEW_PROMPTS:
        yield f"Only {n} held-out prompts: the intervals are wide."
    rows = view.summary.matched.rows if view.summary.matched else ()
    if out := [row.method for row in rows if dearer(row)]:
        yield (
            f"Every strength of {', '.join(out)} costs more than the damage at which methods are compared: between the "
            "untouched model and the cheapest strength nothing was measured."
        )


def _ranking(view: View) -> Iterator[str]:
    ranking = view.summary.ranking
    if ranking.used != ranking.asked:
        what = "both circuits were" if view.two else "the neurons were"
        yield (
            f"The ranking {ranking.asked} needs responses that show the behaviour, and {ranking.reason}: {what} "
            f"ranked by {ranking.used} instead, which needs none."
        )


def _pair_differences(view: View) -> Iterator[str]:
    """Say how two models were not treated alike, and where one does not show the behaviour."""
    base, instruct = view.summary.models.values()
    if not view.summary.same_tokens:
        yield (
            f"The two models were not asked with the same tokens: prompts are put to {base.name} {base.asked}, to "
            f"{instruct.name} {instruct.asked}. Some of every difference may come from that."
        )
    digest = base.identity.get("weights_sha256")
    if digest is not None and digest == instruct.identity.get("weights_sha256"):
        yield (
            "Both models have the same fingerprint of weights, which samples each tensor: they are one model, or "
            "differ in a few values only."
        )
    for role, model in view.summary.models.items():
        if not model.occurs:
            before = view.summary.untouched(role)
            yield (
                f"{model.name} does not show the behaviour: {view.count(before, 'behaviour')} of "
                f"{before.measures['behaviour'].n} answers. Its circuit is what tells the two kinds of prompts apart, "
                "not what brings the behaviour about."
            )


def _degenerate(view: View) -> Iterator[str]:
    states = []
    for cell in [one for role in view.summary.models for one in view.strongest(role)]:
        labels = cell.labels.get(POSITIVE, {})
        part = labels.get("degenerate", 0) / max(sum(labels.values()), 1)
        if cell.method not in (UNTOUCHED, RANDOM) and part >= DEGENERATE_SHARE:
            states.append(f"{percent(part)} under {_state(view, cell)}")
    if states:
        why = (
            "fewer refusals are not more answers"
            if view.summary.behaviour == "refusal"
            else "they say nothing"
        )
        yield f"Some answers are degenerate, {', '.join(states)}: {why}."


def _quality(view: View) -> Iterator[str]:
    states = []
    for cell in () if view.many else view.summary.cells:
        before, after = _quality_of(view.summary.untouched(cell.model)), _quality_of(cell)
        if (
            cell.method != RANDOM
            and before is not None
            and after is not None
            and before - after > QUALITY_LOSS
        ):
            states.append(f"by {number(before - after)} under {_state(view, cell)}")
    if states:
        yield f"Answers repeat themselves more: quality falls {', '.join(states)}."


def _quality_of(cell: Cell) -> float | None:
    found = cell.measures.get("quality")
    return None if found is None else found.value


def _random(view: View) -> Iterator[str]:
    """Say where random neurons change the rate: by its test where many rows are compared, else by its interval."""
    cells = [cell for cell in view.summary.cells if cell.method == RANDOM]
    if not view.many:
        for cell in cells:
            if inside(view, cell) is False:
                of = f" of {view.summary.models[cell.model].name}" if view.two else ""
                yield (
                    f"Random neurons take the {view.rate_name}{of} out of the untouched model’s interval: some of "
                    "every effect comes with scaling any neurons."
                )
        return
    changed = [
        short_number(cell.strength)
        for cell in cells
        if (test := cell.tests.get("behaviour"))
        and test.p_adjusted is not None
        and test.p_adjusted < SIGNIFICANT
    ]
    if changed:
        yield (
            f"Random neurons change the {view.rate_name} too (strength {', '.join(changed)}): some of every effect "
            "comes with scaling any neurons."
        )


def _disagreements(view: View) -> Iterator[str]:
    """Count the verdicts again: a page must not show other numbers than its own answers give."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for row in view.answers:
        found.setdefault((row.model, row.condition, row.pile), Counter())[row.label or UNJUDGED] += 1
    for cell in view.summary.cells if found else ():
        for pile, stated in cell.labels.items():
            counts: Counter[str] = Counter()
            for condition in cell.members:
                counts += found.get((cell.model, condition, pile), Counter())
            if counts != Counter(stated):
                yield (
                    f"The verdicts in results.jsonl do not add up to the summary ({_state(view, cell)}, {pile} "
                    f"prompts): {_counts(counts)}, not {_counts(Counter(stated))}."
                )


def _state(view: View, cell: Cell) -> str:
    """Name a row in a sentence."""
    label = view.label(cell)
    name = label if label == cell.method else f"“{label}”"
    name += f" at strength {short_number(cell.strength)}" if view.many and cell.strength else ""
    return f"{name} in {view.summary.models[cell.model].name}" if view.two else name


def _counts(labels: Counter[str]) -> str:
    return ", ".join(f"{label} {count}" for label, count in sorted(labels.items())) or "none"
