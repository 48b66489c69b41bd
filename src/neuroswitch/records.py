"""The records of an experiment, as they lie on disk: an answer, a measured value, what a measure is.

Everything that is reported is computed from these rows, so a report needs no model. Knows no torch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from neuroswitch.errors import BadRun
from neuroswitch.storage import first_flaw, read_jsonl

ANSWERS, MEASURED = "results.jsonl", "measured.jsonl"

UNTOUCHED = "untouched"
"""The unchanged model, as a condition and as a method."""

RANDOM = "random"
"""The method that stands for several random circuits, `random:0` and on, with one row for all of them."""

LARGEST = "largest"
"""The ranking of the neurons with the largest activations, whatever the behaviour: a control, as `random`."""

TRANSFER = "transfer"
"""The method that scales the neurons of the other model's circuit, where two models are compared."""

UNJUDGED = "unjudged"
"""What a missing verdict is counted under; it is no label of any detector."""

POSITIVE, NEGATIVE, SAFE = "positive", "negative", "xstest"
"""The piles of prompts: those that should show the behaviour, those that should not, XSTest's safe ones."""

QUESTIONS = "questions"
"""What stands for a pile where the items of a measure are the questions of an exam."""

Record = TypeVar("Record")

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""A row has the declared fields and no others, and finite numbers."""


Finish = Literal["stop", "length", "settled"]

Among = Literal["all", "untouched shows", "untouched does not show", "neither shows"]
"""Which items a measure counts, by whether their answers show the behaviour; `neither` is the untouched model and the
changed one. An answer without a verdict counts as one that does not show it."""


@dataclass(frozen=True)
class Completion:
    """One answer of a model to one prompt.

    Attributes:
        prompt_id: Id of the prompt.
        prompt: Its last user message.
        text: The answer, without special tokens and without thoughts.
        tokens: How many tokens were generated, end-of-turn included.
        finish: `stop` at an end-of-turn token, `length` at the limit, `settled` where generation stopped
            because the verdict could no longer change.
        thought: What a reasoning model thought before it answered; empty without thoughts.
    """

    prompt_id: str
    prompt: str
    text: str
    tokens: int
    finish: Finish
    thought: str = ""

    @property
    def cut_off_in_thought(self) -> bool:
        """Whether the limit came before the answer: there is nothing to judge."""
        return self.finish == "length" and bool(self.thought) and not self.text.strip()

    @classmethod
    def from_row(cls, row: Mapping[str, object]) -> "Completion":
        """Take the answer out of a row of an `AnswerLog`.

        Raises:
            BadRun: A column is missing or holds something else.
        """
        try:
            return _COMPLETION.validate_python(row)
        except ValidationError as error:
            raise BadRun("a row is not an answer", found=str(error)) from error


_COMPLETION = TypeAdapter(Completion)


@dataclass(frozen=True, kw_only=True)
class AnswerRow(Completion):
    """One answer and its verdict: a line of `results.jsonl`.

    Attributes:
        model: Role of the model that answered: `model`, or `base` and `instruct`.
        condition: Method and strength, such as `caa@0.5`, or `untouched`.
        method: Name of the method.
        strength: Its strength.
        pile: Which prompts: `positive`, `negative` or `xstest`.
        label: What the detector says; None where it cannot judge.
        span: Start and end of the characters that decided the label.
        reason: Why, in words.
        group: Short digest of all that the answer and its verdict depend on; empty outside an experiment.
    """

    model: str
    condition: str
    method: str
    strength: float
    pile: str
    label: str | None
    span: tuple[int, int] | None
    reason: str
    group: str = ""

    __pydantic_config__ = STRICT


@dataclass(frozen=True, kw_only=True)
class MeasuredRow:
    """One value that was measured by running the model: a line of `measured.jsonl`.

    Attributes:
        model: Role of the model.
        condition: As in `AnswerRow`.
        measure: Name of the measure.
        item: What was measured: an answer, by its prompt's id, or a question of an exam.
        value: In the unit of the measure.
        of: Number of items in the whole measurement, where it may be incomplete.
        layers: Layers that the value is about, where a measure names them.
        group: Short digest of all that the value depends on; empty outside an experiment.
    """

    model: str
    condition: str
    measure: str
    item: str
    value: float
    of: int | None = None
    layers: tuple[int, ...] | None = None
    group: str = ""

    __pydantic_config__ = STRICT


@dataclass(frozen=True, kw_only=True)
class MeasureInfo:
    """What a measure is, and how its values become one number and are written.

    Attributes:
        name: How it is called in files and options.
        title: As a heading.
        cost: The same as something lost or added, with its unit.
        unit: Of a value: `fraction` (0-1), `nats per token`, `perplexity`.
        better: Which direction is better for the model.
        aggregate: How items become one number: the share of them, their mean, or exp of their mean.
        how: How a value comes about, in words.
        pile: Whose prompts are the items.
        budget: Difference to the untouched model at which methods are compared; None for a measure of the
            behaviour itself.
        from_zero: The untouched model scores 0 by definition.
        log: Costs are drawn on a logarithmic axis.
        among: Which items count; the others are left out.
        rows: The measure whose rows on disk hold the values; its own where empty.
    """

    name: str
    title: str
    cost: str
    unit: str
    better: Literal["higher", "lower"]
    aggregate: Literal["rate", "mean", "exp_mean"]
    how: str
    pile: str = POSITIVE
    budget: float | None = None
    from_zero: bool = False
    log: bool = False
    among: Among = "all"
    rows: str = ""

    @property
    def source(self) -> str:
        """Name of the measure whose rows on disk hold the values."""
        return self.rows or self.name

    def cost_of(self, value: float, untouched: float) -> float:
        """Return what a value costs against the untouched model, in the unit of the measure."""
        if self.from_zero:
            return value
        return value - untouched if self.better == "lower" else untouched - value


def condition_name(method: str, strength: float) -> str:
    """Return what a method at a strength is called in the files, such as `caa@0.5`."""
    return method if method == UNTOUCHED else f"{method}@{strength:g}"


def read_answers(folder: Path) -> Iterator[AnswerRow]:
    """Read `results.jsonl`.

    Raises:
        BadRun: A line is damaged or lacks a column.
    """
    return _read(folder / ANSWERS, TypeAdapter(AnswerRow))


def read_measured(folder: Path) -> Iterator[MeasuredRow]:
    """Read `measured.jsonl`.

    Raises:
        BadRun: A line is damaged or lacks a column.
    """
    return _read(folder / MEASURED, TypeAdapter(MeasuredRow))


def _read(path: Path, kind: TypeAdapter[Record]) -> Iterator[Record]:
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            yield kind.validate_python(row)
        except ValidationError as error:
            raise BadRun(
                f"{path}, line {number}: not a row of an experiment",
                found=first_flaw(error),
                do="remove the damaged line and run the same command again: what is missing is computed again",
            ) from error
