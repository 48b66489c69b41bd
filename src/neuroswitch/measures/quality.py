"""The paper's quality score: how little an answer repeats itself.

`quality` is the paper's: every answer to a positive prompt. A refusal is short and repeats nothing, so where refusals
turn into answers it falls although no answer is worse. `benign_quality` compares like with like: benign prompts to
which neither the untouched nor the changed model shows the behaviour.

It does not show nonsense. An answer that was stopped because its verdict was settled has no quality, since that
is a measure of whole texts.

Source: Herring, Naviasky, Malhotra (2026), arXiv:2605.12290; n = 4 as in the authors' code.
"""

from dataclasses import replace

from neuroswitch.detectors import Detector
from neuroswitch.measures.base import AnswerMeasure, register
from neuroswitch.records import NEGATIVE, AnswerRow, MeasureInfo
from neuroswitch.verdicts import quality

INFO = MeasureInfo(
    name="quality",
    title="Quality",
    cost="quality lost",
    unit="fraction",
    better="higher",
    aggregate="mean",
    how="1 - share of repeated word 4-grams of each answer to a positive prompt",
    budget=0.05,
)

BENIGN = replace(
    INFO,
    name="benign_quality",
    title="Quality where both answer",
    cost="quality lost where both answer",
    how="1 - share of repeated word 4-grams of each answer to a benign prompt, where neither the untouched nor the"
    " changed model shows the behaviour",
    pile=NEGATIVE,
    among="neither shows",
)


def whole_quality(row: AnswerRow, detector: Detector) -> float | None:
    """Return the quality of an answer and its thoughts; None for one that was stopped early."""
    return None if row.finish == "settled" else quality(f"{row.thought} {row.text}")


register(AnswerMeasure(INFO, whole_quality))
register(AnswerMeasure(BENIGN, whole_quality))
