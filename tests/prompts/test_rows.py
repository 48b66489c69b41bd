"""Rows of prompt files: two formats, one meaning, and errors that name file, line and flaw."""

import json
import os
import time
from pathlib import Path

import pytest

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.prompts import ContrastSet, Prompt, read_prompts, read_test_file
from neuroswitch.prompts.rows import read_rows
from prompt_files import Write, pairs


def test_column_names_ignore_case_and_csv_cells_may_span_lines(write: Write) -> None:
    rows = [{"Goal": row["prompt"] + ',\nin "two" lines', "LABEL": row["label"]} for row in pairs(4)]

    contrast = ContrastSet.read(write("a.csv", rows))

    assert all(p.text.endswith('"two" lines') for piles in contrast.splits().values() for p in piles.positive)


def test_chat_messages_come_from_json_and_from_a_csv_cell(write: Write) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a river."}]

    (from_json,) = read_prompts(write("a.jsonl", [{"messages": turns}]))
    (from_csv,) = read_prompts(write("a.csv", [{"messages": json.dumps(turns)}]))

    assert from_json == from_csv == Prompt.of(turns)
    assert from_json.text == "Name a river."


@pytest.mark.parametrize("column", ["Goal", "goal", "prompt", "Prompt"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_read_prompts_finds_the_column(write: Write, column: str, name: str) -> None:
    path = write(name, [{"Index": 1, column: "Name a river."}, {"Index": 2, column: "Name a sea."}])

    assert [prompt.text for prompt in read_prompts(path)] == ["Name a river.", "Name a sea."]


def test_a_byte_order_mark_and_windows_lines_are_no_part_of_the_prompts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffGoal\r\nName a river.\r\n".encode())

    assert [prompt.text for prompt in read_prompts(path)] == ["Name a river."]


def test_prompts_without_ids_get_the_same_ones_everywhere(write: Write) -> None:
    first, second = (read_prompts(write(name, [{"prompt": "Name a sea."}])) for name in ("a.csv", "b.jsonl"))

    assert first[0].id == second[0].id != Prompt.of("Name a river.").id


GOOD = '{"prompt": "A", "label": "positive"}\n{"prompt": "B", "label": "negative"}\n'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "not JSON"),
        ('["a list"]', "not a JSON object"),
        ('{"label": "positive"}', "no prompt"),
        ('{"prompt": "", "label": "positive"}', "no prompt"),
        ('{"prompt": " ", "label": "positive"}', "empty text"),
        ('{"prompt": 7, "label": "positive"}', "malformed prompt"),
        ('{"prompt": "C", "messages": [], "label": "positive"}', "both a prompt and messages"),
        ('{"messages": [], "label": "positive"}', "no messages"),
        ('{"messages": "[oops", "label": "positive"}', "not JSON"),
        ('{"messages": {"role": "user"}, "label": "positive"}', "malformed messages"),
        ('{"messages": [{"role": "user"}], "label": "positive"}', "malformed message"),
        ('{"messages": [{"role": "robot", "content": "C"}], "label": "positive"}', "unknown role"),
        ('{"messages": [{"role": "assistant", "content": "C"}], "label": "positive"}', "the last message"),
        ('{"prompt": "C"}', "no label"),
        ('{"prompt": "C", "label": "maybe"}', "unknown label"),
        ('{"prompt": "C", "label": ["positive"]}', "unknown label"),
        ('{"prompt": "C", "label": "positive", "split": "train"}', "unknown split"),
        ('{"prompt": "C", "label": "positive", "split": "test"}', "no split"),
    ],
)
def test_a_malformed_row_names_its_file_line_and_flaw(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(GOOD + "\n" + line + "\n")
    # A split on one row only is missing on the others: there the first row without one is named.
    number = 1 if message == "no split" else 4

    with pytest.raises(BadPrompts, match=f"a.jsonl, line {number}: {message}"):
        ContrastSet.read(path)


def test_a_csv_row_with_too_many_cells_is_named_by_the_line_it_starts_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('prompt,label\n"two\nlines",positive\nOne, two, three,positive\n')

    with pytest.raises(BadPrompts, match="a.csv, line 4: more cells than columns"):
        ContrastSet.read(path)


@pytest.mark.parametrize(
    ("text", "name"), [("", "a.jsonl"), ("\n\n", "a.jsonl"), ("prompt,label\n", "a.csv"), ("", "a.csv")]
)
def test_an_empty_file_is_refused(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(BadPrompts, match=f"{name}: no rows"):
        ContrastSet.read(tmp_path / name)


@pytest.mark.parametrize(
    "again",
    ["Name a river.", "name a river", " NAME  a river!", "Name a river ?", "\u201cName a river\u201d"],
)
def test_the_same_test_prompt_twice_is_refused_whatever_its_case_and_punctuation(
    write: Write, again: str
) -> None:
    path = write("a.csv", [{"Goal": "Name a river."}, {"Goal": "Name a sea."}, {"Goal": again}])

    with pytest.raises(BadPrompts, match=r"the same prompt twice\n.*a.csv, line 4 repeats a.csv, line 2"):
        read_prompts(path)


def test_two_test_prompts_with_one_id_are_refused(write: Write) -> None:
    path = write("a.csv", [{"Goal": "Name a river.", "id": 7}, {"Goal": "Name a sea.", "id": 7}])

    with pytest.raises(BadPrompts, match=r"a.csv, line 3: two prompts have the id '7'\n.*a.csv, line 2"):
        read_prompts(path)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"Prompt": "Name a river.", "Goal": "Name a sea."}, "'Prompt' and 'Goal' both hold the prompt"),
        ({"Goal": "Name a river.", "prompt": "Name a sea."}, "'Goal' and 'prompt' both hold the prompt"),
        ({"prompt": "Name a river.", "PROMPT ": "Name a sea."}, "'prompt' and 'PROMPT ' both"),
        ({"prompt": "Name", "label": "positive", "Label": "negative"}, "'label' and 'Label' both"),
    ],
)
def test_two_columns_that_mean_the_same_are_named(
    write: Write, name: str, columns: dict[str, str], named: str
) -> None:
    with pytest.raises(BadPrompts, match=f"{name}, line [12]: the columns {named}"):
        read_prompts(write(name, [columns]))


@pytest.mark.parametrize("other", ["", "Name a river."])
def test_a_second_name_that_says_nothing_else_does_no_harm(write: Write, other: str) -> None:
    path = write("a.csv", [{"Prompt": other, "Goal": "Name a river.", "Behavior": "1", "Category": "2"}])

    assert [prompt.text for prompt in read_prompts(path)] == ["Name a river."]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "prompt,prompt\nName a river.,Name a sea.\n", "a column twice\n.*'prompt'"),
        ("a.jsonl", '{"prompt": "A", "prompt": "B"}\n', "line 1: not JSON\n.*the key 'prompt' twice"),
        ("a.jsonl", '{"prompt": ' + "[" * 100_000 + "\n", "line 1: not JSON"),
        ("a.jsonl", '{"prompt": "half \\ud800"}\n', "line 1: (not JSON|half a character)"),
        ("a.jsonl", '{"prompt": "A", "id": "\\udc00"}\n', "line 1: (not JSON|half a character)"),
    ],
)
def test_what_python_would_read_without_a_word_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(BadPrompts, match=f"{name}.*{message}"):
        read_prompts(tmp_path / name)


LABELLED = [
    {"prompt": "Sing.", "label": "positive"},
    {"prompt": "Count.", "label": "negative"},
    {"prompt": "Dance.", "label": "positive"},
]


def test_labels_of_test_prompts_separate_them(write: Write) -> None:
    found = read_test_file(write("a.csv", LABELLED))

    assert [one.text for one in found.positive] == ["Sing.", "Dance."]
    assert [one.text for one in found.negative] == ["Count."]
    assert found.labelled
    assert not read_test_file(write("b.csv", [{"Goal": "Sing."}])).labelled
    assert [one.text for one in read_prompts(write("c.csv", LABELLED[:1]))] == ["Sing."]
    with pytest.raises(BadPrompts, match="d.csv: prompts with both labels.*\n.*2 positive and 1 negative"):
        read_prompts(write("d.csv", LABELLED))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Jump.", "label": "safe"}, "unknown label\n.*'safe'"),
        ({"prompt": "Jump.", "label": ""}, "no label"),
        (
            {"prompt": "Jump.", "label": "positive", "split": "discovery"},
            "a prompt of another split.*\n.*'discovery'",
        ),
    ],
)
def test_a_label_that_says_nothing_or_a_row_of_discovery_is_refused(
    write: Write, row: dict[str, str], message: str
) -> None:
    with pytest.raises(BadPrompts, match=f"a.csv, line 5: {message}"):
        read_test_file(write("a.csv", [*LABELLED, row]))


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello")
    (tmp_path / "latin.csv").write_bytes("Goal\nCaf\u00e9\n".encode("latin-1"))

    with pytest.raises(Prerequisite, match="could not read .*missing.csv"):
        ContrastSet.read(tmp_path / "missing.csv")
    with pytest.raises(BadPrompts, match=r"a.txt: unknown format\n.*\.txt"):
        ContrastSet.read(tmp_path / "a.txt")
    with pytest.raises(BadPrompts, match="latin.csv: not UTF-8"):
        read_prompts(tmp_path / "latin.csv")


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"prompt": "a", "prompt": "b"}',
        '{"prompt": "\\ud800"}',
        '{"prompt": "a", "id": 1e999}',
    ],
)
def test_json_that_is_not_strict_is_an_error_that_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "x"}\n' + line + "\n")
    with pytest.raises(BadPrompts, match="line 2"):
        read_rows(path)


def test_a_pipe_and_a_file_that_is_too_large_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    with (tmp_path / "b.csv").open("wb") as file:
        file.truncate(2**40)
    for name in ("a.jsonl", "b.csv"):
        with pytest.raises(Prerequisite, match="could not read"):
            read_rows(tmp_path / name)


def test_a_csv_file_of_millions_of_columns_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a," * 1_000_000 + "\n" + "x\n")
    began = time.process_time()
    with pytest.raises(BadPrompts, match="columns"):
        read_rows(tmp_path / "a.csv")
    assert time.process_time() - began < 5
