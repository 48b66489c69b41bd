"""MMLU: the share of multiple-choice questions that the model answers right.

Questions come from the Hub through lm-eval's own tasks, or from local files as tasks that ask exactly as
those do.

Source: Hendrycks et al. (2021), Measuring Massive Multitask Language Understanding, arXiv:2009.03300.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from neuroswitch.errors import BadPrompts
from neuroswitch.measures.base import Bench, Condition, ModelMeasure, register
from neuroswitch.measures.exam import Marks, examine
from neuroswitch.prompts import Row, read_rows
from neuroswitch.records import QUESTIONS, MeasureInfo
from neuroswitch.storage import JsonObject

INFO = MeasureInfo(
    name="mmlu",
    title="MMLU",
    cost="MMLU accuracy lost",
    unit="fraction",
    better="higher",
    aggregate="rate",
    how="share of multiple-choice questions answered right, through lm-eval",
    pile=QUESTIONS,
    budget=0.01,
)

LETTERS = ("A", "B", "C", "D")

STOCK = {
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\n"
    "C. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:",
    "doc_to_choice": list(LETTERS),
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
"""lm-eval's own configuration of MMLU."""

STOCK_FEWSHOT = {"fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}}


class Question(TypedDict):
    """A question as lm-eval's templates read it; `answer` is the position of the right choice."""

    question: str
    choices: list[str]
    answer: int


def read_mmlu(test: str | Path, dev: str | Path | None = None) -> tuple[JsonObject, ...]:
    """Read questions from JSONL files and make one task of each subject.

    Args:
        test: The questions, one a line: `subject`, `question`, four `choices` and `answer`, the
            position of the right one from 0.
        dev: Solved examples in the same form, for few-shot prompts, in the order they shall be shown.

    Returns:
        Task configurations for `examine`, named as lm-eval names its own: `mmlu_anatomy`.

    Raises:
        Prerequisite: A file cannot be read.
        BadPrompts: A question is malformed.
    """
    questions = questions_by_subject(test)
    examples = questions_by_subject(dev) if dev is not None else {}
    return tuple(_task(name, asked, examples.get(name, ())) for name, asked in questions.items())


def _task(subject: str, questions: Sequence[Question], examples: Sequence[Question]) -> JsonObject:
    def dataset(**_: object) -> Mapping[str, object]:
        from datasets import Dataset

        parts = {"test": questions, "dev": examples}
        return {name: Dataset.from_list(list(part)) for name, part in parts.items() if part}

    topic = subject.replace("_", " ")
    return {
        **STOCK,
        **(STOCK_FEWSHOT if examples else {}),
        "task": f"mmlu_{subject}",
        "description": f"The following are multiple choice questions (with answers) about {topic}.\n\n",
        "custom_dataset": dataset,
    }


def questions_by_subject(path: str | Path) -> dict[str, list[Question]]:
    """Read questions from a JSONL file: subject -> its questions, in the order of the file.

    Raises:
        Prerequisite: The file cannot be read.
        BadPrompts: A question is malformed.
    """
    found: dict[str, list[Question]] = {}
    for row in read_rows(path):
        found.setdefault(str(row.fields.get("subject")), []).append(_question(row))
    return found


def _question(row: Row) -> Question:
    wanted = {name: row.fields.get(name) for name in ("subject", "question", "choices", "answer")}
    subject, question, choices, answer = wanted.values()
    if not (
        isinstance(subject, str)
        and isinstance(question, str)
        and isinstance(choices, list)
        and len(choices) == len(LETTERS)
        and type(answer) is int
        and 0 <= answer < len(LETTERS)
    ):
        raise BadPrompts(
            f"{row.source}: not a multiple-choice question",
            found=", ".join(f"{name}={value!r:.40}" for name, value in wanted.items()),
            expected="texts subject and question, four choices, and answer from 0 to 3",
        )
    return {"question": question, "choices": [str(choice) for choice in choices], "answer": answer}


def take_mmlu(bench: Bench) -> None:
    """Ask every condition the same questions; an exam that was interrupted continues with its next task."""
    conditions = examined(bench)
    for done, condition in enumerate(conditions):
        _examine(bench, condition, done, len(conditions))


def examined(bench: Bench) -> list[Condition]:
    """Return the conditions that an exam is taken in: one draw of a control, at the strengths asked for."""
    at = bench.exam.strengths
    return [
        one
        for one in bench.conditions
        if not one.on_prompt
        and not one.further
        and (not one.changes_model or at is None or one.strength in at)
    ]


def _examine(bench: Bench, condition: Condition, done: int, count: int) -> None:
    rows = bench.log.of(condition, INFO.name)
    if rows and len(rows) == next(iter(rows.values())).of:
        return

    def keep(marks: Marks, questions: int) -> None:
        bench.log.append(
            condition, INFO.name, {name: float(right) for name, right in marks.items()}, of=questions
        )

    def report(_: str, now: int, total: int) -> None:
        bench.progress("MMLU", done * total + now, count * total)

    with condition.applied(bench.model):
        known = {item: row.value == 1 for item, row in rows.items()}
        examine(bench.model, bench.exam, known=known, keep=keep, progress=report)


register(ModelMeasure(INFO, take_mmlu))
