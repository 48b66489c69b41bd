"""The rows of an experiment on disk -> the rows of its summary, with intervals and tests."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import BadRun
from neuroswitch.experiment.facts import FACTS, Facts, read_facts
from neuroswitch.experiment.folder import read_settings
from neuroswitch.experiment.models import roles_of
from neuroswitch.experiment.rows import AnswersByState, MeasuredByState, Rows, conditions_in
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.measures import MEASURES, AnswerMeasure, aggregated, answer_values
from neuroswitch.records import (
    ANSWERS,
    POSITIVE,
    SAFE,
    UNJUDGED,
    UNTOUCHED,
    AnswerRow,
    MeasuredRow,
    MeasureInfo,
    condition_name,
)
from neuroswitch.statistics import Measurement, Values, holm, paired_change, paired_test
from neuroswitch.summary import Cell, PairedTest

TESTED = ("behaviour", "benign")


@dataclass(frozen=True)
class Recorded:
    """What an experiment wrote, read once: answers, measured values, and the rows of the summary.

    Attributes:
        folder: Of the experiment.
        unfinished: Conditions that were begun and left out, once `cells` has been called.
    """

    folder: Path
    unfinished: list[str] = field(default_factory=list)

    @cached_property
    def settings(self) -> ExperimentSettings:
        """What was asked for."""
        return read_settings(self.folder)

    @cached_property
    def facts(self) -> Facts:
        """What the folder is about: behaviour, prompts, models."""
        return read_facts(self.folder)

    @cached_property
    def detector(self) -> Detector:
        """The detector that labels the answers."""
        return get_detector(self.facts.detector)

    @cached_property
    def _rows_on_disk(self) -> Rows:
        return Rows(self.folder, self.facts, self.settings)

    @cached_property
    def answers(self) -> AnswersByState:
        """(model, condition, pile) -> prompt id -> answer."""
        return self._rows_on_disk.answers()

    @cached_property
    def strengths(self) -> dict[str, set[float]]:
        """Method -> the strengths at which it was answered."""
        found: dict[str, set[float]] = {}
        for method, strength in conditions_in(self.answers):
            found.setdefault(method, set()).add(strength)
        return found

    @cached_property
    def measured(self) -> MeasuredByState:
        """(model, condition, measure) -> item -> row."""
        return self._rows_on_disk.measured()

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The models."""
        return roles_of(self.settings)

    def _rows(self) -> Iterable[Cell]:
        """Yield the rows that were asked for, finished or not, without measures."""
        settings = self.settings
        for role in self.roles:
            yield _untouched(role)
            for name in settings.methods:
                members = settings.members(name)
                # a method may have other strengths than those asked for: a system prompt has only 1
                answered = {one for member in members for one in self.strengths.get(member, ())}
                for strength in sorted({*settings.strengths, *answered} - {0.0}):
                    keys = tuple(condition_name(one, strength) for one in members)
                    yield Cell(model=role, method=name, strength=strength, members=keys, measures={})

    def cells(self) -> tuple[Cell, ...]:
        """Return the rows whose prompts have all been answered, p-values corrected over all of them."""
        cells = []
        for row in self._rows():
            if self._finished(row):
                cells.append(self._cell(row))
            elif any(self.answers.get((row.model, key, POSITIVE)) for key in row.members):
                self.unfinished.append(condition_name(row.method, row.strength))
            elif row.method == UNTOUCHED:
                raise BadRun(
                    f"{self.folder} holds no finished condition",
                    do="run the same command again: what is missing is computed",
                )
        return self._corrected(cells)

    def _finished(self, row: Cell) -> bool:
        if POSITIVE not in self.facts.piles:
            raise BadRun(
                f"{self.folder} holds no experiment with answers",
                found=f"a {FACTS} without positive prompts, as `discover` writes it",
                do="name the folder of `run`, `evaluate`, `compare` or `compare-models`",
            )
        count = self.facts.piles[POSITIVE].prompts
        found = [self.answers.get((row.model, key, POSITIVE), {}) for key in row.members]
        if any(len(rows) != count for rows in found):
            return False
        asked = self.answers.get((row.model, UNTOUCHED, POSITIVE), {}).keys()
        if other := sorted({one for rows in found for one in rows} - asked):
            raise BadRun(
                f"{self.folder / ANSWERS} holds answers to prompts that the untouched model was not asked",
                found=f"{other[0]!r} in {row.method}",
                do="remove the damaged line and run the same command again: what is missing is computed again",
            )
        return True

    def _cell(self, row: Cell) -> Cell:
        values, before = self._values(row), {}
        texts = None
        if row.method != UNTOUCHED:
            before = self._values(_untouched(row.model))
            if len(row.members) == 1:
                was = self.answers[row.model, UNTOUCHED, POSITIVE]
                texts = sum(one.text != was[one.prompt_id].text for one in self._answered(row, POSITIVE))
        moved = Counter(layer for one in self._measured(row, "routing") for layer in one.layers or ())
        found = {
            "measures": self._numbers(row, values),
            "changes": {
                name: paired_change(name, before[name], after, unit="fraction")
                for name, after in values.items()
                if before.get(name) and self.info(name).unit == "fraction"
            },
            "tests": {
                name: _tested(before[name], values[name])
                for name in TESTED
                if name in before and name in values
            },
            "labels": self._labels(row),
            "texts_changed": texts,
            "layers_moved": dict(sorted(moved.items())),
        }
        return row.model_copy(update=found)

    def _answered(self, row: Cell, pile: str) -> list[AnswerRow]:
        found = (self.answers.get((row.model, key, pile), {}) for key in row.members)
        return [one for rows in found for one in rows.values()]

    def _measured(self, row: Cell, measure: str) -> list[MeasuredRow]:
        found = (self.measured.get((row.model, key, measure), {}) for key in row.members)
        return [one for rows in found for one in rows.values()]

    def _numbers(self, row: Cell, values: Mapping[str, Values]) -> dict[str, Measurement]:
        found = {
            name: aggregated(replace(self.info(name), how=self._how(row, name, one)), one)
            for name, one in values.items()
        }
        if row.method == UNTOUCHED:  # a measure of the distance to the untouched model is 0 there
            conditions = {condition for role, condition, _ in self.measured if role == row.model}
            for info in (self.info(name) for name in MEASURES.names()):
                taken = info.from_zero and any(
                    self.values_of(row.model, one, info.name) for one in conditions
                )
                if taken and info.name not in found:
                    found[info.name] = Measurement(info.name, 0.0, 0, 0.0, 0.0, info.unit, "0 by definition")
        return found

    def _how(self, row: Cell, name: str, values: Values) -> str:
        """Say how a measure came about, with the answers that it counts although they have no verdict."""
        info = self.info(name)
        if info.among == "all":
            return info.how
        states = (UNTOUCHED,) if info.among.startswith("untouched") else (UNTOUCHED, *row.members)
        labels = [
            self.answers.get((row.model, state, info.pile), {}).get(item)
            for state in states
            for item in values
        ]
        unjudged = sum(one is not None and one.label is None for one in labels)
        return info.how + (
            f"; {unjudged} answers without a verdict count as not showing it" if unjudged else ""
        )

    def _values(self, row: Cell) -> dict[str, Values]:
        """Return the values of every measure that was taken: measure -> item -> one for each draw."""
        found: dict[str, Values] = {}
        for name in MEASURES.names():
            values: Values = {}
            for member in row.members:
                for item, value in self.values_of(row.model, member, name).items():
                    values.setdefault(item, []).append(value)
            if values or (name in TESTED and self._answered(row, self.info(name).pile)):
                found[name] = values
        return found

    def values_of(self, role: str, condition: str, name: str) -> dict[str, float]:
        """Return the values of a measure in one condition: item -> value, for the items that it counts."""
        chosen = MEASURES.get(name)
        info, found = chosen.info, {}
        if isinstance(chosen, AnswerMeasure):
            rows = self.answers.get((role, condition, info.pile), {}).values()
            detector = get_detector("refusal") if info.pile == SAFE else self.detector
            found = {item: one for item, (one,) in answer_values(chosen, rows, detector).items()}
        else:
            taken = self.measured.get((role, condition, info.source), {})
            found = {item: one.value for item, one in taken.items()}
        return {item: one for item, one in found.items() if self._counts(info, role, condition, item)}

    def _counts(self, info: MeasureInfo, role: str, condition: str, item: str) -> bool:
        """Say whether a measure counts an item; an answer without a verdict does not show the behaviour."""
        if info.among == "all":
            return True
        before = self._shows(role, UNTOUCHED, info.pile, item)
        if info.among == "untouched shows":
            return before
        after = info.among == "neither shows" and self._shows(role, condition, info.pile, item)
        return not before and not after

    def _shows(self, role: str, condition: str, pile: str, item: str) -> bool:
        row = self.answers.get((role, condition, pile), {}).get(item)
        return row is not None and bool(self.detector.shown(row.label))

    def info(self, name: str) -> MeasureInfo:
        """Return what a measure is, with what this experiment adds to it."""
        info = MEASURES.get(name).info
        if name == "mmlu":
            seed, shots = self.settings.controls.seed, self.settings.exam.shots
            return replace(info, how=f"{info.how}, {shots}-shot, questions drawn with seed {seed}")
        if name.startswith("mmlu_cot"):
            seed, most = self.settings.controls.seed, self.settings.exam.mmlu_cot_tokens
            return replace(info, how=f"{info.how}, at most {most} tokens, questions drawn with seed {seed}")
        if name in TESTED:
            return replace(info, how=self.detector.how)
        return info

    def _labels(self, row: Cell) -> dict[str, dict[str, int]]:
        labels = {
            pile: Counter(one.label or UNJUDGED for one in self._answered(row, pile))
            for pile in self.facts.piles
        }
        return {pile: dict(sorted(counts.items())) for pile, counts in labels.items() if counts}

    @staticmethod
    def _corrected(cells: Sequence[Cell]) -> tuple[Cell, ...]:
        """Correct the p-values of all tests on the positive prompts together, and with them the benign ones."""
        tested = [
            (place, name)
            for place, cell in enumerate(cells)
            for name in cell.tests
            if cell.tests[name].p is not None
        ]
        adjusted = holm([cells[place].tests[name].p or 0.0 for place, name in tested])
        found = list(cells)
        for (place, name), p in zip(tested, adjusted, strict=True):
            cell = found[place]
            tests = {**cell.tests, name: cell.tests[name].model_copy(update={"p_adjusted": p})}
            found[place] = cell.model_copy(update={"tests": tests})
        return tuple(found)


def _untouched(role: str) -> Cell:
    return Cell(model=role, method=UNTOUCHED, strength=0.0, members=(UNTOUCHED,), measures={})


def _tested(before: Values, after: Values) -> PairedTest:
    p, stopped, started = paired_test(before, after)
    return PairedTest(p=p, stopped=stopped, started=started)
