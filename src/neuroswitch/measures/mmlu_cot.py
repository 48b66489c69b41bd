"""MMLU with a chain of thought: the model writes its way to an answer, and the answer is read off the text.

Multiple choice by likelihood (`mmlu`) sees one token of each answer; what an intervention does to sentences that are
written one behind the other is seen here. Each question is put in chat format with the instruction to think step by
step and to finish with "The answer is X"; the model answers greedily. The letter is that of the last "answer is X" in
the text, and nothing else is taken for one: an answer without it counts as wrong, and `mmlu_cot_unread` says how many
there are.

Source: Wei et al. (2022), Chain-of-Thought Prompting, arXiv:2201.11903; the form "The answer is (X)" of the
questions with a chain of thought in Chung et al. (2022), arXiv:2210.11416. No solved examples are shown.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from neuroswitch.answering import generate
from neuroswitch.measures.base import Bench, Condition, ExamQuestions, ModelMeasure, WrittenQuestion, register
from neuroswitch.measures.exam import draw
from neuroswitch.measures.mmlu import LETTERS, Question, examined, questions_by_subject
from neuroswitch.prompts import Prompt
from neuroswitch.records import QUESTIONS, MeasureInfo

INFO = MeasureInfo(
    name="mmlu_cot",
    title="MMLU, step by step",
    cost="MMLU accuracy lost, step by step",
    unit="fraction",
    better="higher",
    aggregate="rate",
    how="share of multiple-choice questions answered right in words, step by step; an answer without a letter is wrong",
    pile=QUESTIONS,
    budget=0.02,
)

UNREAD = MeasureInfo(
    name="mmlu_cot_unread",
    title="MMLU, no letter",
    cost="answers without a letter added",
    unit="fraction",
    better="lower",
    aggregate="rate",
    how="share of the answers to multiple-choice questions in words that name no letter",
    pile=QUESTIONS,
)

INSTRUCTION = "Think step by step, then finish with 'The answer is X', where X is A, B, C or D."

_STATED = re.compile(r"answer\s+is:?\s*[*_(\[\"'`]*([ABCD])(?![\w'\u2019])", re.ASCII)


def stated_letter(text: str) -> str | None:
    """Return the letter that an answer ends up with; None if it states none.

    Examples:
        >>> stated_letter("At first the answer is A. No: the answer is (C).")
        'C'
        >>> stated_letter("It must be B") is None
        True
    """
    found = _STATED.findall(text)
    return found[-1] if found else None


def read_written(test: str | Path, questions: ExamQuestions) -> tuple[WrittenQuestion, ...]:
    """Draw questions from a file of the form that `read_mmlu` reads, and put them into words.

    Args:
        test: The questions.
        questions: How many are drawn, and with which seed.

    Raises:
        Prerequisite: The file cannot be read.
        BadPrompts: A question is malformed.
    """
    subjects = {f"mmlu_{name}": asked for name, asked in questions_by_subject(test).items()}
    drawn = draw({name: len(asked) for name, asked in subjects.items()}, questions)
    return tuple(
        WrittenQuestion(f"{name}/{number}", _in_words(one), LETTERS[one["answer"]])
        for name, numbers in drawn.items()
        for number in numbers
        for one in [subjects[name][number]]
    )


def _in_words(question: Question) -> str:
    choices = "\n".join(
        f"{letter}. {choice}" for letter, choice in zip(LETTERS, question["choices"], strict=True)
    )
    return f"{question['question'].strip()}\n{choices}\n\n{INSTRUCTION}"


def take_mmlu_cot(bench: Bench) -> None:
    """Ask every condition the same questions; an exam that was interrupted continues with its next batch."""
    asked, size = bench.exam.written, bench.exam.decoding.batch_size
    # the longest last, so that those of similar length are answered together
    ordered = sorted(asked, key=lambda one: (len(one.text), one.id))
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    conditions, done = examined(bench), 0
    for condition in conditions:
        for batch in batches:
            items = [one.id for one in batch]
            if any(bench.log.lacks(condition, name, items) for name in (INFO.name, UNREAD.name)):
                letters = _answered(bench, condition, batch)
                marks = {one.id: float(letters[one.id] == one.answer) for one in batch}
                unread = {item: float(letter is None) for item, letter in letters.items()}
                bench.log.append(condition, INFO.name, marks, of=len(asked))
                bench.log.append(condition, UNREAD.name, unread, of=len(asked))
            done += len(batch)
            bench.progress("MMLU, step by step", done, len(conditions) * len(asked))


def _answered(
    bench: Bench, condition: Condition, batch: Sequence[WrittenQuestion]
) -> Mapping[str, str | None]:
    """Let the model answer in a condition: question -> the letter that it states."""
    prompts = [Prompt.of(one.text, id=one.id) for one in batch]
    with condition.applied(bench.model):
        said = generate(bench.model, prompts, decoding=bench.exam.decoding, chat=bench.chat)
    return {one.prompt_id: stated_letter(one.text) for one in said}


register(ModelMeasure(INFO, take_mmlu_cot))
register(ModelMeasure(UNREAD, None))
