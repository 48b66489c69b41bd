"""MMLU in words: what counts as an answer, how many questions are asked, and that a broken-off exam goes on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from answers import Multiply

from neuroswitch.answering import Decoding
from neuroswitch.errors import BadOption
from neuroswitch.measures import Bench, Condition, ExamQuestions, MeasureLog, mmlu_cot
from neuroswitch.measures.mmlu_cot import read_written, stated_letter, take_mmlu_cot
from neuroswitch.options import ExamChoice
from neuroswitch.records import read_measured
from tiny import tiny_llama

CHANGED = Condition("toy", 1.0, Multiply(-8.0, neurons=150))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [
        {"subject": subject, "question": f"the {word}", "choices": ["sun", "moon", "sea", "sky"], "answer": 1}
        for subject in ("anatomy", "virology")
        for word in ("cat", "big dog", "tree and a house")
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is B", "B"),
        ("the answer is (C).", "C"),
        ("So the answer is: **D**.", "D"),
        ("The answer is A, no, wait. The answer is B.", "B"),
        ("The answer is A. That is all; the answer is clear.", "A"),
        ("The answer is a sea.", None),
        ("The answer is Apple.", None),
        ("The answer is E.", None),
        ("B", None),
        ("It is B, I think.", None),
        ("The answer is X, where X is A, B, C or D.", None),
        ("", None),
    ],
)
def test_only_a_stated_letter_is_an_answer_and_the_last_one_counts(text: str, letter: str | None) -> None:
    assert stated_letter(text) == letter


def bench_in(folder: Path, questions: Path, count: int | None = None) -> Bench:
    written = read_written(questions, ExamQuestions(limit=count, seed=3))
    exam = ExamQuestions(written=written, decoding=Decoding(max_new_tokens=5, batch_size=2))
    folder.mkdir(exist_ok=True)
    return Bench(tiny_llama(), [Condition(), CHANGED], {}, {}, MeasureLog(folder, "model"), exam=exam)


def test_questions_are_drawn_as_those_of_mmlu_and_hold_everything_that_is_needed(questions: Path) -> None:
    every = read_written(questions, ExamQuestions(seed=3))
    assert {one.id for one in every} == {
        f"mmlu_{name}/{i}" for name in ("anatomy", "virology") for i in range(3)
    }
    few = read_written(questions, ExamQuestions(limit=4, seed=3))
    assert len(few) == 4 and set(few) <= set(every)
    assert {one.answer for one in every} == {"B"}
    assert "C. sea" in every[0].text and "The answer is X" in every[0].text


def test_right_wrong_and_unread_answers_are_told_apart(
    questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_in(tmp_path / "out", questions)
    said = iter(["the answer is B", "the answer is C", "B"] * 4)
    monkeypatch.setattr(
        mmlu_cot,
        "_answered",
        lambda bench, state, batch: {one.id: stated_letter(next(said)) for one in batch},
    )
    take_mmlu_cot(bench)
    for condition in bench.conditions:
        marks, unread = (bench.log.of(condition, name) for name in ("mmlu_cot", "mmlu_cot_unread"))
        assert sum(row.value for row in marks.values()) == 2
        assert sum(row.value for row in unread.values()) == 2
        assert all(not marks[item].value for item, row in unread.items() if row.value)
        assert {row.of for row in marks.values()} == {6}


def test_an_exam_that_was_broken_off_ends_with_the_same_rows(questions: Path, tmp_path: Path) -> None:
    take_mmlu_cot(bench_in(tmp_path / "whole", questions))
    whole = list(read_measured(tmp_path / "whole"))
    assert len(whole) == 2 * 2 * 6

    class Broken(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if done == 4:
            raise Broken

    with pytest.raises(Broken):
        take_mmlu_cot(replace(bench_in(tmp_path / "part", questions), progress=stop))
    assert len(list(read_measured(tmp_path / "part"))) == 8
    path = tmp_path / "part" / "measured.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))  # the last batch is there in part
    take_mmlu_cot(bench_in(tmp_path / "part", questions))
    assert (tmp_path / "part" / "measured.jsonl").read_bytes() == (
        tmp_path / "whole" / "measured.jsonl"
    ).read_bytes()


def test_the_model_answers_in_its_changed_state(questions: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    bench = bench_in(tmp_path / "out", questions)
    original = mmlu_cot.stated_letter
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mmlu_cot, "stated_letter", lambda text: seen.append(text) or original(text))
        take_mmlu_cot(bench)
    assert len(seen) == 12 and seen[:6] != seen[6:]


@pytest.mark.parametrize("mmlu", [None, "hub"])
def test_questions_in_words_need_a_file(mmlu: str | None) -> None:
    with pytest.raises(BadOption, match="come from a file"):
        ExamChoice(mmlu=mmlu, mmlu_cot_questions=3)
