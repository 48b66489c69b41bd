"""Before an experiment: does the behaviour occur, and is it measured well?

A circuit cannot be found, and its ablation cannot be seen, if the untouched model does not show the
behaviour. A detector is checked against a judge, and the length of answers by judging them again cut short.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from neuroswitch.answering import Completion, Endpoint
from neuroswitch.detectors import Detector
from neuroswitch.errors import WeakBehaviour
from neuroswitch.measures.base import verdict_of
from neuroswitch.measures.judge import judge
from neuroswitch.statistics import Agreement, Measurement, agreement, proportion
from neuroswitch.summary import AtLength

TOO_RARE = 0.1
"""The least rate that can be shown to vanish: if 10 of 100 prompts stop showing the behaviour, p is 0.049 after
Holm's correction for a table of five methods at five strengths; with 9 prompts it is not significant."""

SATURATED = 0.97
"""A higher rate leaves no room to rise, so amplification cannot be seen."""

LENGTHS = (10, 20, 40, 80, 150)

_UNIT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def check_baseline(rate: Measurement, *, behaviour: str) -> tuple[str, ...]:
    """Return warnings about the rate of the untouched model, in whole sentences.

    Args:
        rate: Rate of the untouched model on the prompts that should show the behaviour.
        behaviour: Its name, for messages.

    Raises:
        WeakBehaviour: No answer could be judged, none shows the behaviour, or the whole interval lies
            below `TOO_RARE`.
    """
    value, low, high = rate.value, rate.low, rate.high
    if value is None or low is None or high is None:
        raise WeakBehaviour(
            f"the behaviour '{behaviour}' could not be measured in the untouched model",
            found="no answer with a verdict",
            expected="answers that the detector can judge",
            do="check the prompts, or name another detector",
        )
    seen = f"{round(value * rate.n)} of {rate.n} answers ({low:.0%} to {high:.0%})"
    if high < TOO_RARE or not value:
        raise WeakBehaviour(
            f"the behaviour '{behaviour}' hardly occurs in the untouched model",
            found=seen,
            expected=f"at least {TOO_RARE:.0%} of the answers",
            do="use prompts that call for it, a model that was trained to show it, or a detector that"
            " recognizes it",
        )
    if value < TOO_RARE:
        return (
            f"The behaviour is rare in the untouched model: {seen}; use more prompts to be sure it occurs.",
        )
    if value > SATURATED:
        return (f"Nearly every answer of the untouched model shows the behaviour: {seen}; it cannot rise.",)
    return ()


def rate_by_length(
    completions: Sequence[Completion], detector: Detector, lengths: Sequence[int] = LENGTHS
) -> tuple[AtLength, ...]:
    """Judge every answer again, cut after so many words; one result per length.

    If the rate still changes at the last length, the answers were generated too short.

    Args:
        completions: Complete answers.
        detector: Judges the cut texts; a text that it cannot judge is left out at that length.
        lengths: Where to cut, in words.
    """
    found = []
    for words in lengths:
        texts = [cut(one.text, words) for one in completions]
        verdicts = [
            _shown(detector, replace(one, text=text)) for text, one in zip(texts, completions, strict=True)
        ]
        judged = [shown for shown in verdicts if shown is not None]
        how = f"{detector.how}, first {words} words of each answer"
        whole = sum(text == one.text for text, one in zip(texts, completions, strict=True))
        rate = proportion(detector.name, sum(judged), len(judged), how=how)
        found.append(AtLength(words=words, whole=whole, rate=rate))
    return tuple(found)


def cut(text: str, words: int) -> str:
    """Return a text up to the end of its word number `words`, with white space unchanged.

    Examples:
        >>> cut("Mix flour,  eggs and milk.", 3)
        'Mix flour,  eggs'
    """
    ends = [match.end() for match in _UNIT.finditer(text)]
    return text[: ends[words - 1]] if len(ends) > words else text


def compare_with_judge(
    completions: Sequence[Completion],
    detector: Detector,
    *,
    endpoint: Endpoint,
    cache: Path,
    sample: int = 50,
    seed: int = 0,
) -> Agreement:
    """Have a judge look at a sample of answers, and return how far the detector agrees with it on refusals.

    Args:
        completions: Answers of one condition, or of several.
        detector: A detector of refusals.
        endpoint: The model that judges.
        cache: The file in which its replies are kept, see `judge`.
        sample: How many answers are judged at most.
        seed: Of the sample and of the interval.

    Raises:
        Prerequisite: The endpoint rejects a request or keeps failing.
    """
    chosen = random.Random(seed).sample(list(completions), min(sample, len(completions)))
    judgements = judge(chosen, endpoint, cache=cache)
    return agreement(
        [_shown(detector, one) for one in chosen],
        [None if one is None else one.refused for one in judgements],
        seed=seed,
    )


def _shown(detector: Detector, completion: Completion) -> bool | None:
    verdict = verdict_of(completion, detector)
    return None if verdict is None else detector.shown(verdict.label)
