"""Before an experiment: is there a behaviour to study, and is it measured well?

Three questions with numbers for answers: how often the untouched model shows the behaviour; whether
detector and judge agree; and whether the answers are long enough, by judging them again cut short.
A circuit cannot be found, and its ablation cannot be seen, where the behaviour does not occur.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuroswitch.answering import Completion, Endpoint
from neuroswitch.detectors import Detector
from neuroswitch.errors import WeakBehaviour
from neuroswitch.measures.judge import judge
from neuroswitch.statistics import Agreement, Measurement, agreement, proportion

TOO_RARE = 0.1
"""A behaviour rarer than this cannot be shown to vanish: of 100 prompts, 10 that stop showing it are just
significant after Holm's correction for a table of five methods at five strengths (p = 0.049), 9 are not."""

SATURATED = 0.97
"""Above this rate next to nothing is left to rise: amplification cannot show."""

LENGTHS = (10, 20, 40, 80, 150)

_UNIT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


@dataclass(frozen=True)
class AtLength:
    """The rate that would have been measured had every answer been cut short.

    Attributes:
        words: Length of the cut, in words; an ideograph counts as one.
        whole: How many answers are no longer than that, so that nothing was cut.
        rate: Fraction of answers that show the behaviour.
    """

    words: int
    whole: int
    rate: Measurement


def check_baseline(rate: Measurement, *, behaviour: str, minimum: float = TOO_RARE) -> tuple[str, ...]:
    """Refuse to study a behaviour that does not occur, and warn where the untouched rate leaves little room.

    Args:
        rate: Rate of the untouched model on prompts that should show the behaviour.
        behaviour: Its name, for messages.
        minimum: Least rate worth studying, as a fraction.

    Returns:
        Warnings in whole sentences; none where all is well.

    Raises:
        WeakBehaviour: No answer could be judged, none shows the behaviour, or the whole interval lies
            below `minimum`.
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
    if high < minimum or not value:
        raise WeakBehaviour(
            f"the behaviour '{behaviour}' hardly occurs in the untouched model",
            found=seen,
            expected=f"at least {minimum:.0%} of the answers",
            do="use prompts that call for it, a model that was trained to show it, or a detector that"
            " recognizes it",
        )
    warnings = []
    if value < minimum:
        warnings.append(
            f"The behaviour is rare in the untouched model: {seen}; use more prompts to be sure it occurs."
        )
    if value > SATURATED:
        warnings.append(
            f"Nearly every answer of the untouched model shows the behaviour: {seen}; it cannot rise."
        )
    return tuple(warnings)


def rate_by_length(
    completions: Sequence[Completion], detector: Detector, lengths: Sequence[int] = LENGTHS
) -> tuple[AtLength, ...]:
    """Judge every answer again, cut after so many words.

    A rate that still moves at the last length says that answers were generated too short.

    Args:
        completions: Whole answers.
        detector: Judges the cut texts; answers it cannot judge at a length are left out there.
        lengths: Where to cut, in words.

    Returns:
        One row per length, in the order given.
    """
    return tuple(_at_length(completions, detector, words) for words in lengths)


def _at_length(completions: Sequence[Completion], detector: Detector, words: int) -> AtLength:
    texts = [cut(one.text, words) for one in completions]
    verdicts = [detector.classify(text, one.prompt) for text, one in zip(texts, completions, strict=True)]
    judged = [verdict.label in detector.shows for verdict in verdicts if verdict is not None]
    return AtLength(
        words=words,
        whole=sum(text == one.text for text, one in zip(texts, completions, strict=True)),
        rate=proportion(
            detector.name, sum(judged), len(judged), how=f"{detector.how}, first {words} words of each answer"
        ),
    )


def cut(text: str, words: int) -> str:
    """Return the beginning of a text up to the end of its word number `words`, white space as it was.

    Example:
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
    """Let a judge look at a sample of answers, and say how far the detector agrees with it on refusals.

    Args:
        completions: Answers of one condition, or of several.
        detector: A detector of refusals.
        endpoint: Who judges.
        cache: Where the replies are kept, see `judge`.
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
    verdict = detector.classify(completion.text, completion.prompt)
    return None if verdict is None else verdict.label in detector.shows
