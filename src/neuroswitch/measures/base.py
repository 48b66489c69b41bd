"""What a measure is, and what it may use. One measure a file; each is registered by one line.

An `AnswerMeasure` gives a value for one answer, from its row alone. A `ModelMeasure` runs the model and
writes its values to disk as they come. Both say by a `MeasureInfo` how values become one number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from neuroswitch.activations import Intervention
from neuroswitch.answering import Completion, Decoding
from neuroswitch.chat import ChatFormat
from neuroswitch.detectors import Detector
from neuroswitch.measures.forcing import Forced, force
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt
from neuroswitch.records import (
    MEASURED,
    UNTOUCHED,
    AnswerRow,
    MeasuredRow,
    MeasureInfo,
    condition_name,
    read_measured,
)
from neuroswitch.registry import Registry
from neuroswitch.statistics import Measurement, Values, exp_of, mean_of, rate_of
from neuroswitch.storage import append_jsonl
from neuroswitch.verdicts import UNFINISHED, Verdict


@dataclass(frozen=True)
class Condition:
    """One state of a model: a method at a strength.

    Attributes:
        method: Name of the method, or `untouched`.
        strength: Its strength; 0 for the untouched model.
        intervention: What changes the model; None leaves it untouched.
        on_prompt: Only what the model is asked is changed, not what it computes.
        further: Another draw of a control: measured by the positive prompts and by divergence only.
    """

    method: str = UNTOUCHED
    strength: float = 0.0
    intervention: Intervention | None = None
    on_prompt: bool = False
    further: bool = False

    @property
    def name(self) -> str:
        """Its name in the files, such as `caa@0.5`."""
        return condition_name(self.method, self.strength)

    @property
    def changes_model(self) -> bool:
        """Whether the model computes something else than the untouched one."""
        return self.intervention is not None and not self.on_prompt

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the model is in this state."""
        return nullcontext() if self.intervention is None else self.intervention.applied(model)


class MeasureLog:
    """The values of one model that have been measured; each is on disk as soon as it is known.

    Args:
        folder: Folder of the experiment; None keeps the values in memory only.
        model: Role of the model.
        group_of: From method and measure to the group of their rows.
    """

    def __init__(
        self,
        folder: Path | None,
        model: str,
        group_of: Callable[[str, str], str] = lambda method, measure: "",
    ) -> None:
        self.model, self.group_of = model, group_of
        self.path = folder / MEASURED if folder else None
        self.rows: dict[tuple[str, str], dict[str, MeasuredRow]] = {}
        for row in read_measured(folder) if folder else ():
            if row.model == model:
                self._add(row)

    def of(self, condition: Condition, measure: str) -> Mapping[str, MeasuredRow]:
        """Return what has been measured in a condition: item -> row."""
        return self.rows.get((condition.name, measure), {})

    def lacks(self, condition: Condition, measure: str, items: Iterable[str]) -> bool:
        """Say whether any of the items has not been measured in a condition."""
        known = self.of(condition, measure)
        return any(item not in known for item in items)

    def append(
        self,
        condition: Condition,
        measure: str,
        values: Mapping[str, float],
        *,
        of: int | None = None,
        layers: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """Write the values that are not known yet; they are durable when this returns.

        Args:
            condition: In which state they were measured.
            measure: Name of the measure.
            values: Item -> value.
            of: Number of items in the whole measurement.
            layers: Item -> layers that its value is about.
        """
        known = self.of(condition, measure)
        fresh = [
            MeasuredRow(
                model=self.model,
                condition=condition.name,
                measure=measure,
                item=item,
                value=value,
                of=of,
                layers=layers[item] if layers else None,
                group=self.group_of(condition.method, measure),
            )
            for item, value in values.items()
            if item not in known
        ]
        if self.path:
            rows = [{key: one for key, one in asdict(row).items() if one is not None} for row in fresh]
            append_jsonl(self.path, rows)
        for row in fresh:
            self._add(row)

    def _add(self, row: MeasuredRow) -> None:
        self.rows.setdefault((row.condition, row.measure), {})[row.item] = row


@dataclass(frozen=True)
class WrittenQuestion:
    """A question that is answered in words: its id, its text with the choices, and the right letter."""

    id: str
    text: str
    answer: str


@dataclass(frozen=True)
class ExamQuestions:
    """The questions of an exam, as `measures.exam` and `measures.mmlu_cot` ask them.

    Attributes:
        tasks: Names of lm-eval's tasks, or task configurations.
        shots: Solved examples before each question.
        limit: Questions drawn in all; None asks all.
        seed: Of the draw.
        strengths: Strengths at which they are asked; None asks at all of them.
        written: Questions that are answered in words.
        decoding: Length and batch size of those answers.
    """

    tasks: Sequence[str | Mapping[str, object]] = ()
    shots: int = 0
    limit: int | None = None
    seed: int = 0
    strengths: tuple[float, ...] | None = None
    written: Sequence[WrittenQuestion] = ()
    decoding: Decoding = Decoding(max_new_tokens=200)


@dataclass(frozen=True)
class Bench:
    """What a measure may use: one model, its conditions, and their answers.

    Attributes:
        model: The model, untouched.
        conditions: All states of it; the untouched one first.
        prompts: Pile -> prompts.
        answers: (condition, pile) -> answers, in the order of the prompts.
        log: Where values are kept.
        chat: How prompts are put to the model.
        exam: The questions of the exam.
        progress: Told after each batch.
    """

    model: LanguageModel
    conditions: Sequence[Condition]
    prompts: Mapping[str, Sequence[Prompt]]
    answers: Mapping[tuple[str, str], Sequence[Completion]]
    log: MeasureLog
    chat: ChatFormat = ChatFormat()
    exam: ExamQuestions = field(default_factory=ExamQuestions)
    progress: Progress = silent

    def changed(self) -> list[Condition]:
        """Return the conditions in which the model computes something else."""
        return [one for one in self.conditions if one.changes_model]

    def forced(self, condition: Condition, pile: str) -> dict[str, Forced]:
        """Return the answers of a condition as tokens behind their prompts: prompt id -> tokens."""
        said = self.answers[condition.name, pile]
        made = force(self.model, self.prompts[pile], completions=said, chat=self.chat)
        return {one.prompt_id: sample for one, sample in zip(said, made, strict=True)}


@dataclass(frozen=True)
class AnswerMeasure:
    """A measure of one answer at a time.

    Attributes:
        info: What it is.
        value: From an answer and the detector of its pile to a value; None where there is none.
    """

    info: MeasureInfo
    value: Callable[[AnswerRow, Detector], float | None]


@dataclass(frozen=True)
class ModelMeasure:
    """A measure for which the model runs again.

    Attributes:
        info: What it is.
        take: Measures every condition of a bench and writes the values to its log. None where another
            measure of the same file writes them.
    """

    info: MeasureInfo
    take: Callable[[Bench], None] | None


MEASURES: Registry[AnswerMeasure | ModelMeasure] = Registry("measure")


def register(measure: AnswerMeasure | ModelMeasure) -> AnswerMeasure | ModelMeasure:
    """Register a measure under the name in its info."""
    return MEASURES.register(measure.info.name)(measure)


def infos() -> Iterator[MeasureInfo]:
    """Yield what every registered measure is, in the order of registration."""
    for name in MEASURES.names():
        yield MEASURES.get(name).info


def aggregated(info: MeasureInfo, values: Values) -> Measurement:
    """Turn the values of items into one number with its interval.

    Args:
        info: Says how.
        values: Item -> its values, one for each draw of a control; intervals resample items.
    """
    if info.aggregate == "rate":
        return rate_of(info.name, values, how=info.how)
    found = mean_of(info.name, values, unit=info.unit, how=info.how)
    return exp_of(found) if info.aggregate == "exp_mean" else found


def verdict_of(completion: Completion, detector: Detector) -> Verdict | None:
    """Judge an answer; one that was cut off before it began gets no label, whatever the detector."""
    if completion.cut_off_in_thought:
        return Verdict(None, None, UNFINISHED)
    return detector.classify(completion.text, completion.prompt)


def answer_values(measure: AnswerMeasure, rows: Iterable[AnswerRow], detector: Detector) -> Values:
    """Return the values of a measure over answers: prompt id -> one value for each draw."""
    found: Values = {}
    for row in rows:
        value = measure.value(row, detector)
        if value is not None:
            found.setdefault(row.prompt_id, []).append(value)
    return found
