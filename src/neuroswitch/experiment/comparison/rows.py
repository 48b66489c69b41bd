"""The rows of a comparison, and what is counted in them: rates and means, pooled over draws of a control.

Reads `results.jsonl` and `damage.jsonl`. A row of the report can stand for several conditions, one per
seed; its items are then prompts, each with a value per seed, and intervals resample prompts. Knows no
method and no model.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neuroswitch.detectors import Detector
from neuroswitch.experiment.comparison.files import DAMAGE, RESULTS
from neuroswitch.statistics import UNJUDGED, Measurement
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


def as_json(found: Measurement) -> dict[str, Any]:
    """Return a measurement as the report's documents hold it."""
    return asdict(found)
