"""The rows of a comparison, and what is counted in them: rates and means, pooled over draws of a control.

Reads `results.jsonl` and `damage.jsonl`. A row of the report can stand for several conditions, one per
seed; its items are then prompts, each with a value per seed, and intervals resample prompts. Knows no
method and no model.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import exp
from pathlib import Path
from statistics import fmean
from typing import Any

from neuroswitch.detectors import Detector
from neuroswitch.experiment.comparison.files import DAMAGE, RESULTS
from neuroswitch.statistics import UNJUDGED, Measurement, mcnemar, mean, paired_bootstrap, proportion
from neuroswitch.storage import read_jsonl

Row = dict[str, Any]
Values = dict[str, list[float]]
"""Item -> its values, one per condition."""


@dataclass(frozen=True)
class Rows:
    """Everything that was answered and measured.

    Attributes:
        answers: (condition, pile) -> prompt id -> row.
        damage: (condition, measure) -> item -> value.
    """

    answers: Mapping[tuple[str, str], Mapping[str, Row]]
    damage: Mapping[tuple[str, str], Mapping[str, float]]

    @classmethod
    def read(cls, folder: Path) -> "Rows":
        """Read the rows of a comparison.

        Raises:
            BadRun: A file is damaged.
        """
        answers: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
        for row in read_jsonl(folder / RESULTS):
            answers[row["condition"], row["pile"]][row["prompt_id"]] = row
        damage: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for row in read_jsonl(folder / DAMAGE):
            damage[row["condition"], row["measure"]][row["item"]] = row["value"]
        return cls(dict(answers), dict(damage))

    def of(self, conditions: Sequence[str], pile: str) -> list[Row]:
        """Return the answers of several conditions to one pile."""
        return [row for name in conditions for row in self.answers.get((name, pile), {}).values()]

    def verdicts(self, conditions: Sequence[str], pile: str, detector: Detector) -> Values:
        """Return 1 or 0 for each answer that was judged, by prompt."""
        found: Values = defaultdict(list)
        for row in self.of(conditions, pile):
            if (shown := detector.shown(row["label"])) is not None:
                found[row["prompt_id"]].append(float(shown))
        return dict(found)

    def qualities(self, conditions: Sequence[str]) -> Values:
        """Return the repetition score of each answer to a positive prompt, by prompt."""
        found: Values = defaultdict(list)
        for row in self.of(conditions, "positive"):
            found[row["prompt_id"]].append(row["quality"])
        return dict(found)

    def costs(self, conditions: Sequence[str], measure: str) -> Values:
        """Return what was measured, by item."""
        found: Values = defaultdict(list)
        for name in conditions:
            for item, value in self.damage.get((name, measure), {}).items():
                found[item].append(value)
        return dict(found)

    def labels(self, conditions: Sequence[str]) -> dict[str, int]:
        """Count the verdicts on the positive prompts, missing ones included."""
        counts = Counter(row["label"] or UNJUDGED for row in self.of(conditions, "positive"))
        return dict(sorted(counts.items()))


def share(name: str, values: Values, how: str) -> Measurement:
    """Measure a rate: Wilson's interval, or a bootstrap over items where each has several draws."""
    draws = max(map(len, values.values()), default=0)
    if draws < 2:
        flat = [value for found in values.values() for value in found]
        return proportion(name, round(sum(flat)), len(flat), how=how)
    return average(name, values, unit="fraction", how=how)


def average(name: str, values: Values, *, unit: str, how: str) -> Measurement:
    """Measure a mean over items, of the mean of each; `n` counts the values."""
    draws = max(map(len, values.values()), default=0)
    if draws > 1:
        how += f"; {draws} draws of each item, resampled by item"
    found = mean(name, [fmean(one) for one in values.values()], unit=unit, how=how)
    return replace(found, n=sum(map(len, values.values())))


def exponential(found: Measurement) -> Measurement:
    """Turn a mean of nats into a perplexity."""
    value, low, high = (None if end is None else exp(end) for end in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def change(name: str, before: Values, after: Values, *, unit: str, seed: int = 0) -> Measurement:
    """Measure a mean difference, after minus before, over the items that both have."""
    both = [item for item in before if item in after]
    was, now = ([fmean(values[item]) for item in both] for values in (before, after))
    estimate = paired_bootstrap(now, was, seed=seed)
    low, high = (estimate and estimate.interval) or (None, None)
    how = f"with the method minus without, on the same items; paired bootstrap over items 95 %, seed {seed}"
    return Measurement(name, estimate.value if estimate else None, len(both), low, high, unit, how)


def changed(before: Values, after: Values) -> float | None:
    """Test whether items changed in one direction: the p-value of McNemar's exact test.

    Where an item has several draws, it counts by the sign of their mean difference, each item once;
    with one draw that is McNemar's test. None where no item is in both.
    """
    both = [item for item in before if item in after]
    moves = [fmean(after[item]) - fmean(before[item]) for item in both]
    return mcnemar(sum(move < 0 for move in moves), sum(move > 0 for move in moves)) if both else None


def as_json(found: Measurement) -> dict[str, Any]:
    """Return a measurement as the report's documents hold it."""
    return asdict(found)
