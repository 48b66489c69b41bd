"""Capability through lm-eval, against a loop that asks each question by hand."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from answers import Multiply
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from neuroswitch.errors import BadOption, BadPrompts, Prerequisite
from neuroswitch.measures.base import ExamQuestions
from neuroswitch.measures.exam import draw, examine
from neuroswitch.measures.mmlu import STOCK, STOCK_FEWSHOT, read_mmlu
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_llama

NOUNS = "sun moon sea sky tree".split()
WORDS = "the following are multiple choice questions with answers about Answer A B C D".split() + NOUNS


def question(subject: str, number: int) -> dict[str, Any]:
    choices = [NOUNS[(number + shift) % 5] for shift in range(4)]
    asked = f"{NOUNS[number % 5]} {NOUNS[number // 5 % 5]} the"
    return {"subject": subject, "question": asked, "choices": choices, "answer": number % 4}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def test_file(tmp_path: Path) -> Path:
    rows = [question(subject, n) for n in range(10) for subject in ("sea_life", "anatomy")]
    return write(tmp_path / "test.jsonl", rows)


@pytest.fixture
def dev_file(tmp_path: Path) -> Path:
    rows = [question(subject, n + 11) for subject in ("anatomy", "sea_life") for n in range(3)]
    return write(tmp_path / "dev.jsonl", rows)


def letters_tokenizer() -> PreTrainedTokenizerBase:
    """Split words and punctuation; no pad token, which lm-eval would add."""
    words = ["<eos>", "<unk>", *WORDS, ".", ":", "(", ")"]
    backend = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>", unk_token="<unk>")


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    pytest.importorskip("lm_eval")
    return replace(tiny_llama(), tokenizer=letters_tokenizer())


def asked_by_hand(model: LanguageModel, test: Path, dev: Path, shots: int) -> dict[str, bool]:
    """Ask as Hendrycks et al. do: description, solved examples, question, most likely letter."""

    def text(row: dict[str, Any]) -> str:
        lines = [f"{letter}. {choice}" for letter, choice in zip("ABCD", row["choices"], strict=True)]
        return "\n".join([row["question"], *lines, "Answer:"])

    rows, examples = ([json.loads(line) for line in path.read_text().splitlines()] for path in (test, dev))
    letters = [model.tokenizer.convert_tokens_to_ids(letter) for letter in "ABCD"]
    seen: dict[str, int] = {}
    found = {}
    for row in rows:
        subject = row["subject"]
        topic = subject.replace("_", " ")
        own = [example for example in examples if example["subject"] == subject][:shots]
        solved = "".join(f"{text(example)} {'ABCD'[example['answer']]}\n\n" for example in own)
        about = f"The following are multiple choice questions (with answers) about {topic}.\n\n"
        ids = model.tokenizer.encode(about + solved + text(row))
        with torch.inference_mode():
            logits = model.module(torch.tensor([ids])).logits[0, -1]
        number = seen.get(subject, 0)
        seen[subject] = number + 1
        found[f"mmlu_{subject}/{number}"] = int(logits[letters].argmax()) == row["answer"]
    return found


@pytest.mark.parametrize(("shots", "intervention"), [(0, None), (2, None), (2, Multiply(-2.0, neurons=150))])
def test_it_marks_as_a_loop_by_hand_does(
    model: LanguageModel, test_file: Path, dev_file: Path, shots: int, intervention: Multiply | None
) -> None:
    state: AbstractContextManager[None] = intervention.applied(model) if intervention else nullcontext()
    with state:
        marks = examine(model, ExamQuestions(read_mmlu(test_file, dev_file), shots))
        assert marks == asked_by_hand(model, test_file, dev_file, shots)
    assert len(marks) == 20


def test_an_intervention_changes_the_marks_and_leaves_no_trace(model: LanguageModel, test_file: Path) -> None:
    exam = ExamQuestions(read_mmlu(test_file))
    assert len(model.tokenizer) < model.unembedding.shape[0], "a padded vocabulary, which must not be cut"
    weights = {name: value.clone() for name, value in model.module.state_dict().items()}
    before = examine(model, exam)
    with Multiply(-8.0, neurons=192).applied(model):
        steered = examine(model, exam)
    assert steered != before == examine(model, exam)
    assert all(torch.equal(value, weights[name]) for name, value in model.module.state_dict().items())
    assert model.tokenizer.pad_token is None


def test_a_subset_is_marked_as_in_the_whole(model: LanguageModel, test_file: Path) -> None:
    tasks = read_mmlu(test_file)
    whole = examine(model, ExamQuestions(tasks))
    part = examine(model, ExamQuestions(tasks, limit=7, seed=5))
    assert len(part) == 7
    assert part.items() <= whole.items()


def test_examples_are_needed_only_for_few_shots(model: LanguageModel, test_file: Path) -> None:
    with pytest.raises(BadOption, match="0 shots"):
        examine(model, ExamQuestions(read_mmlu(test_file), shots=1, limit=1))


def test_questions_that_cannot_be_had_are_named(model: LanguageModel, tmp_path: Path) -> None:
    absent = {"task": "elsewhere", "dataset_path": str(tmp_path / "absent"), "test_split": "test"}
    with pytest.raises(Prerequisite, match="absent"):
        examine(model, ExamQuestions([absent]))


@pytest.mark.slow
def test_the_stock_group_marks_the_same_questions_alike(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{**question(subject, n), "subject": subject} for subject in stock_subjects() for n in range(2)]

    def from_hub(path: str, name: str, **_: Any) -> Any:
        assert path == "cais/mmlu"
        own = [row for row in rows if row["subject"] == name]
        return datasets.DatasetDict({part: datasets.Dataset.from_list(own) for part in ("test", "dev")})

    file = write(tmp_path / "questions.jsonl", rows)
    exam = ExamQuestions(read_mmlu(file, file), shots=1, limit=40, seed=2)
    local = examine(model, exam)
    monkeypatch.setattr(datasets, "load_dataset", from_hub)
    assert examine(model, replace(exam, tasks=["mmlu"])) == local
    assert len(local) == 40
    with pytest.raises(Prerequisite, match="no_such_task"):
        examine(model, ExamQuestions(["no_such_task"]))


def test_without_lm_eval_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, test_file: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lm_eval.models.huggingface", None)
    with pytest.raises(Prerequisite, match=r"pip install 'neuroswitch\[eval\]'"):
        examine(tiny_llama(), ExamQuestions(read_mmlu(test_file)))


def test_local_tasks_ask_as_the_stock_ones_do(tmp_path: Path) -> None:
    stock = stock_tasks()
    assert len(stock) == 57
    rows = [question(theirs["dataset_name"], 0) for theirs in stock]
    path = write(tmp_path / "questions.jsonl", rows)
    for ours, theirs in zip(read_mmlu(path, path), stock, strict=True):
        shared = ["task", "description", *STOCK, *STOCK_FEWSHOT]
        assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}


@pytest.mark.parametrize(
    "change",
    [
        {"answer": 4},
        {"answer": "B"},
        {"answer": True},
        {"choices": ["sun"]},
        {"subject": None},
        {"question": 3},
    ],
)
def test_malformed_questions_are_named(tmp_path: Path, change: dict[str, Any]) -> None:
    rows = [question("anatomy", 0), {**question("anatomy", 1), **change}]
    with pytest.raises(BadPrompts, match=r"test.jsonl, line 2"):
        read_mmlu(write(tmp_path / "test.jsonl", rows))


def test_the_draw_is_repeatable_even_and_within_bounds() -> None:
    sizes = {"b": 30, "a": 5, "c": 100}
    drawn = draw(sizes, ExamQuestions(limit=20, seed=1))
    assert sum(map(len, drawn.values())) == 20
    assert list(drawn) == sorted(drawn)
    assert all(
        numbers == sorted(set(numbers)) and numbers[-1] < sizes[name] for name, numbers in drawn.items()
    )
    assert drawn == draw(dict(reversed(sizes.items())), ExamQuestions(limit=20, seed=1))
    assert drawn != draw(sizes, ExamQuestions(limit=20, seed=2))
    assert draw(sizes, ExamQuestions()) == {name: list(range(size)) for name, size in sorted(sizes.items())}


def stock_tasks() -> list[dict[str, Any]]:
    """Read the configurations of MMLU that come with lm-eval."""
    package = Path(pytest.importorskip("lm_eval.tasks").__file__).parent
    load_yaml = pytest.importorskip("lm_eval.tasks._yaml_loader").load_yaml
    return [load_yaml(path) for path in sorted((package / "mmlu" / "default").glob("mmlu_*.yaml"))]


def stock_subjects() -> list[str]:
    return [task["dataset_name"] for task in stock_tasks()]


def test_an_exam_that_was_broken_off_goes_on_with_its_next_task(
    model: LanguageModel, test_file: Path
) -> None:
    tasks, kept = read_mmlu(test_file), []

    def keep(marks: dict[str, bool], questions: int) -> None:
        kept.append(dict(marks))
        assert questions == 20

    whole = examine(model, ExamQuestions(tasks), keep=keep)
    assert {question: right for marks in kept for question, right in marks.items()} == whole
    assert [len(marks) for marks in kept] == [10, 10]
    wrong = {question: not right for question, right in kept[0].items()}
    again = examine(model, ExamQuestions(tasks), known=wrong, keep=keep)
    assert again == {**wrong, **kept[1]}, "what is known is not asked again"
    assert len(kept) == 3
