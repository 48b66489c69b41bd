"""The rows of an experiment, read back and checked against what the folder knows: the only way rows are counted.

A row counts where it is whole, its condition is one of the folder's, its label is one of its detector's, and its group
is the one that the folder would give it now. Everything else is an error that names the line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import BadRun
from neuroswitch.experiment.facts import Facts
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.measures import MEASURES
from neuroswitch.records import (
    ANSWERS,
    MEASURED,
    UNTOUCHED,
    AnswerRow,
    MeasuredRow,
    Record,
    condition_name,
    read_answers,
    read_measured,
)

AnswersByState = dict[tuple[str, str, str], dict[str, AnswerRow]]
"""(model, condition, pile) -> prompt id -> answer."""

MeasuredByState = dict[tuple[str, str, str], dict[str, MeasuredRow]]
"""(model, condition, measure) -> item -> value."""

REMOVE = "remove the line and run the same command again: what is missing is computed again"
ELSEWHERE = (
    "name another output folder, or remove the lines of other circumstances and run the same command again"
)


@dataclass(frozen=True)
class Rows:
    """Reads and checks the rows of one folder.

    Attributes:
        folder: Of the experiment.
        facts: What its results depend on.
        settings: What it was asked for.
    """

    folder: Path
    facts: Facts
    settings: ExperimentSettings

    def answers(self) -> AnswersByState:
        """Read `results.jsonl`.

        Raises:
            BadRun: A row is damaged, doubled, of another condition, or was made under other circumstances.
        """
        found: AnswersByState = {}
        for number, row in enumerate(read_answers(self.folder), start=1):
            where = f"{self.folder / ANSWERS}, line {number}"
            self._check_group(where, row.group, (row.model, row.method, row.pile))
            if row.condition != condition_name(row.method, row.strength) or (
                row.method == UNTOUCHED and row.strength
            ):
                _refuse(where, f"condition {row.condition!r}", condition_name(row.method, row.strength))
            if row.span is not None and not 0 <= row.span[0] <= row.span[1] <= len(row.text):
                _refuse(where, f"span {row.span}", f"a place in an answer of {len(row.text)} characters")
            self._check_label(where, row)
            _add_once(found.setdefault((row.model, row.condition, row.pile), {}), row.prompt_id, row, where)
        return found

    def measured(self) -> MeasuredByState:
        """Read `measured.jsonl`.

        Raises:
            BadRun: A row is damaged, doubled, of another condition, or was made under other circumstances.
        """
        found: MeasuredByState = {}
        for number, row in enumerate(read_measured(self.folder), start=1):
            where = f"{self.folder / MEASURED}, line {number}"
            if row.measure not in MEASURES.names():
                _refuse(where, f"measure {row.measure!r}", f"one of {', '.join(MEASURES.names())}")
            method = row.condition.rpartition("@")[0] or row.condition
            self._check_group(where, row.group, (row.model, method, MEASURES.get(row.measure).info.pile))
            _add_once(found.setdefault((row.model, row.condition, row.measure), {}), row.item, row, where)
        return found

    def group_of_measured(self, role: str, method: str, measure: str) -> str:
        """Return the group of rows of a measure."""
        return self.facts.group(self.settings, role, method, MEASURES.get(measure).info.pile)

    def _check_group(self, where: str, group: str, state: tuple[str, str, str]) -> None:
        expected = self._groups.get(state)
        if expected is None:
            try:
                expected = self._groups.setdefault(state, self.facts.group(self.settings, *state))
            except KeyError as error:
                raise BadRun(
                    f"{where}: a row that this folder cannot hold",
                    found=f"model, method or pile {error.args[0]!r}, of which facts.json knows nothing",
                    do=ELSEWHERE,
                ) from error
        if group != expected:
            raise BadRun(
                f"{where}: a row that was made under other circumstances",
                found=f"group {group or 'missing'}",
                expected=f"group {expected}, from the model, prompts, detector, method and settings in facts.json",
                do=ELSEWHERE,
            )

    @cached_property
    def _groups(self) -> dict[tuple[str, str, str], str]:
        return {}

    @cached_property
    def _detectors(self) -> dict[str, Detector]:
        return {name: get_detector(pile.detector) for name, pile in self.facts.piles.items()}

    def _check_label(self, where: str, row: AnswerRow) -> None:
        detector = self._detectors[row.pile]
        if row.label is None or row.label in (detector.labels | detector.shows):
            return
        if not detector.labels:  # it does not say which labels it gives
            verdict = detector.classify(row.text, row.prompt)
            if verdict is not None and verdict.label == row.label:
                return
        expected = ", ".join(sorted(detector.labels | detector.shows))
        raise BadRun(
            f"{where}: a label that the detector {detector.name!r} does not have",
            found=repr(row.label),
            expected=f"{expected}, or null for an answer without a verdict",
            do="correct the label, or remove the line and run the same command again",
        )


def conditions_in(answers: AnswersByState) -> Iterator[tuple[str, float]]:
    """Yield the method and strength of every condition that has answers."""
    for rows in answers.values():
        for row in rows.values():
            yield row.method, row.strength
            break


def _add_once(rows: dict[str, Record], item: str, row: Record, where: str) -> None:
    """Add a row to those of its condition; a second one of the same item is refused."""
    if item in rows:
        _refuse(where, f"a second answer or value for {item!r}", "one")
    rows[item] = row


def _refuse(where: str, found: str, expected: str) -> NoReturn:
    raise BadRun(f"{where}: not a row of this experiment", found=found, expected=expected, do=REMOVE)
