"""From the verdicts on many answers to the numbers of a report: rates, means, their intervals.

Reads rows of `results.jsonl`, so every rate can be recomputed from the file. A row without a
verdict is left out of the rate and counted under `UNJUDGED`; a degenerate answer is no refusal,
stays in the denominator and is shown under its own label, so that destroyed text is seen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from neuroswitch.answering import Completion
from neuroswitch.detectors import Detector
from neuroswitch.statistics import UNJUDGED, Measurement, proportion
from neuroswitch.statistics import Rate as Rate
from neuroswitch.verdicts import quality


def measure(completions: Sequence[Completion], detector: Detector) -> Rate:
    """Judge answers and summarize them.

    Args:
        completions: What a model answered under one condition.
        detector: Says which answers show the behaviour.
    """
    rows = [{**detector.annotate(one.text, one.prompt), "quality": quality(one.text)} for one in completions]
    return rate(rows, detector)


def behaviour_rate(rows: Sequence[Mapping[str, Any]], detector: Detector) -> Measurement:
    """Return the fraction of judged answers that show the behaviour."""
    verdicts = [detector.shown(row["label"]) for row in rows]
    judged = [verdict for verdict in verdicts if verdict is not None]
    return proportion(detector.name, sum(judged), len(judged), how=detector.how)


def rate(rows: Sequence[Mapping[str, Any]], detector: Detector) -> Rate:
    """Summarize the answers of one condition.

    Args:
        rows: Rows as `Detector.annotate` leaves them; `label` and `quality` are read.
        detector: The one that labelled them; it says which labels count.
    """
    measured = behaviour_rate(rows, detector)
    return Rate(
        refusals=round((measured.value or 0) * measured.n),
        n=measured.n,
        rate=measured.value,
        low=measured.low,
        high=measured.high,
        quality=fmean(row["quality"] for row in rows) if rows else None,
        labels=dict(Counter(UNJUDGED if row["label"] is None else row["label"] for row in rows)),
    )
