"""Measures for a user of the library: of answers, and of what an intervention costs a model."""

from collections.abc import Sequence
from dataclasses import replace

from neuroswitch.activations import Intervention
from neuroswitch.answering import Completion, as_prompts
from neuroswitch.chat import ChatFormat
from neuroswitch.detectors import Detector
from neuroswitch.errors import BadOption
from neuroswitch.measures.base import (
    MEASURES,
    AnswerMeasure,
    Bench,
    Condition,
    MeasureLog,
    ModelMeasure,
    aggregated,
    answer_values,
    verdict_of,
)
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.records import NEGATIVE, POSITIVE, UNTOUCHED, AnswerRow
from neuroswitch.statistics import Measurement


def answer_row(
    completion: Completion, detector: Detector, condition: Condition, *, pile: str, model: str = "model"
) -> AnswerRow:
    """Return an answer with its verdict, as it is kept on disk."""
    verdict = verdict_of(completion, detector)
    return AnswerRow(
        model=model,
        condition=condition.name,
        method=condition.method,
        strength=condition.strength,
        pile=pile,
        prompt_id=completion.prompt_id,
        prompt=completion.prompt,
        text=completion.text,
        tokens=completion.tokens,
        finish=completion.finish,
        label=verdict.label if verdict else None,
        span=verdict.span if verdict else None,
        reason=verdict.reason if verdict else "cannot be judged",
        thought=completion.thought,
    )


def measure(
    completions: Sequence[Completion], detector: Detector, names: Sequence[str] = ("behaviour", "quality")
) -> dict[str, Measurement]:
    """Measure answers.

    Args:
        completions: What a model answered in one state.
        detector: Labels the answers.
        names: Measures of answers, such as `behaviour` and `quality`.

    Returns:
        Measure -> number with its interval.

    Raises:
        BadOption: There is no such measure of answers.

    Examples:
        >>> found = ns.measure(answers, detector)
        >>> found["behaviour"].n, found["behaviour"].unit
        (4, 'fraction')
    """
    rows = [answer_row(one, detector, Condition(), pile=POSITIVE) for one in completions]
    found = {}
    for name in names:
        chosen = MEASURES.get(name)
        if not isinstance(chosen, AnswerMeasure):
            raise BadOption(f"{name!r} is not a measure of answers alone", do="use `damage` for it")
        found[name] = aggregated(chosen.info, answer_values(chosen, rows, detector))
    return found


def damage(
    model: LanguageModel,
    intervention: Intervention,
    prompts: Sequence[Prompt | str],
    completions: Sequence[Completion],
    names: Sequence[str] = ("kl",),
    *,
    chat: ChatFormat = ChatFormat(),
) -> dict[str, Measurement]:
    """Measure what an intervention costs.

    Args:
        model: The model, untouched: the intervention is applied here.
        intervention: What changes it.
        prompts: The prompts or texts that were answered.
        completions: For `kl` and `kl_first` the untouched model's answers, without those that show the behaviour:
            to change them is no damage, and nothing here judges them. For `perplexity` those under the intervention.
        names: Measures that run the model: `kl`, `kl_first`, `perplexity`, `routing`.
        chat: How prompts are put to the model.

    Returns:
        Measure -> number with its interval; a measure that does not apply to the model is absent.

    Raises:
        BadOption: There is no such measure that runs the model.
        BadPrompts: Two prompts have the same id, or an answer is to none of them.

    Examples:
        >>> cost = ns.damage(model, ns.Scaling(circuit, 1.0), prompts, answers)
        >>> cost["kl"].unit
        'nats per token'
    """
    changed, log = Condition("method", 1.0, intervention), MeasureLog(None, "model")
    asked = as_prompts(prompts)
    said = {(UNTOUCHED, NEGATIVE): completions, (changed.name, POSITIVE): completions}
    found: dict[str, Measurement] = {}
    for name in names:
        chosen = MEASURES.get(name)
        if not isinstance(chosen, ModelMeasure) or chosen.take is None:
            do = f"use {chosen.info.source!r} for it" if chosen.info.rows else "use `measure` for it"
            raise BadOption(f"{name!r} is not a measure that runs the model by itself", do=do)
        # perplexity reads answers of every condition, and only those under the intervention are given
        states = [changed] if chosen.info.name == "perplexity" else [Condition(), changed]
        piles = {POSITIVE: asked, NEGATIVE: asked}
        chosen.take(Bench(model, states, piles, said, log, chat))
        rows = log.of(changed, chosen.info.name)
        if rows:
            values = {item: [row.value] for item, row in rows.items()}
            given = replace(chosen.info, how=f"{chosen.info.how}; of the answers that were given")
            found[name] = aggregated(given, values)
    return found
