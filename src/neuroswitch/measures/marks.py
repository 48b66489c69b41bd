"""What came of an exam, question by question, and how two exams of the same questions compare.

Knows which questions were answered right; does not know how they were asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from neuroswitch.statistics import Measurement, discordant, mcnemar, paired_change, proportion


@dataclass(frozen=True)
class Marks:
    """Which questions were answered right.

    Attributes:
        correct: Question ("task/number") -> whether the model found the right answer most likely.
        how: What was asked, in words.
    """

    correct: Mapping[str, bool]
    how: str


@dataclass(frozen=True)
class Change:
    """What an intervention did to the accuracy on the same questions.

    Attributes:
        difference: Accuracy after minus before, as a fraction; the interval resamples questions.
        p: McNemar's exact test of the questions whose outcome changed.
    """

    difference: Measurement
    p: float


def accuracy(marks: Marks, name: str = "mmlu") -> Measurement:
    """Measure the fraction of questions answered right, with its Wilson interval over questions."""
    return proportion(name, sum(marks.correct.values()), len(marks.correct), how=marks.how)


def accuracy_change(before: Marks, after: Marks, *, seed: int = 0) -> Change:
    """Compare two exams of the same questions, question by question.

    Args:
        before: Usually the untouched model.
        after: Usually the model under an intervention.
        seed: Of the bootstrap.

    Raises:
        ValueError: The questions differ.
    """
    if before.correct.keys() != after.correct.keys():
        raise ValueError("exams of different questions cannot be compared question by question")
    was, now = ({name: [float(right)] for name, right in marks.correct.items()} for marks in (before, after))
    how = f"{after.how}; after minus before"
    difference = paired_change("accuracy change", was, now, unit="fraction", how=how, seed=seed)
    return Change(difference, mcnemar(*discordant(was, now)))
