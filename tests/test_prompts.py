"""Contrast sets: formats, splits without leaks, errors that name the row, and the built-in sets."""

import csv
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.prompts import (
    ContrastSet,
    Prompt,
    builtin_names,
    check_held_out,
    diverse_prompts,
    read_prompts,
)
from neuroswitch.prompts.leaks import normalised

Rows = list[dict[str, Any]]
Write = Callable[[str, Rows], Path]


def pairs(count: int, **extra: Any) -> Rows:
    """Make `count` matched pairs of rows."""
    return [
        {"prompt": f"{side} number {pair}", "label": label, "group": f"pair {pair}", **extra}
        for pair in range(count)
        for label, side in (("positive", "Formal"), ("negative", "Casual"))
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes rows to a file of the format its name says."""

    def file(name: str, rows: Rows) -> Path:
        path = tmp_path / name
        if path.suffix == ".jsonl":
            text = "".join(json.dumps(row) + "\n" for row in rows)
        else:
            buffer = io.StringIO()
            writer = csv.DictWriter(
                buffer, fieldnames=list(dict.fromkeys(key for row in rows for key in row))
            )
            writer.writeheader()
            writer.writerows(rows)
            text = buffer.getvalue()
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return file


def texts(contrast: ContrastSet) -> dict[str, tuple[list[str], list[str]]]:
    """List the texts of a set by split and side."""
    return {
        split: ([p.text for p in piles.positive], [p.text for p in piles.negative])
        for split, piles in contrast.splits().items()
    }


# Reading


def test_jsonl_and_csv_give_the_same_set(write: Write) -> None:
    rows = pairs(12)

    assert ContrastSet.read(write("a.jsonl", rows)).sha256 == ContrastSet.read(write("b.csv", rows)).sha256


def test_column_names_ignore_case_and_csv_cells_may_span_lines(write: Write) -> None:
    rows = [{"Goal": row["prompt"] + ',\nin "two" lines', "LABEL": row["label"]} for row in pairs(4)]

    contrast = ContrastSet.read(write("a.csv", rows))

    assert all(p.text.endswith('"two" lines') for piles in contrast.splits().values() for p in piles.positive)


def test_authors_splits_and_ids_are_kept(write: Write) -> None:
    rows = [
        {**row, "split": split, "id": f"{split}-{row['label']}"}
        for split, pair in zip(("test", "discovery", "validation"), range(3), strict=True)
        for row in pairs(3)[2 * pair : 2 * pair + 2]
    ]

    contrast = ContrastSet.read(write("a.jsonl", rows))

    assert [p.id for p in contrast.test.positive] == ["test-positive"]
    assert [p.id for p in contrast.discovery.negative] == ["discovery-negative"]


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
    assert [prompt.text for prompt in read_prompts(path, limit=1)] == ["Name a river."]


def test_a_byte_order_mark_and_windows_lines_are_no_part_of_the_prompts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffGoal\r\nName a river.\r\n".encode())

    assert [prompt.text for prompt in read_prompts(path)] == ["Name a river."]


def test_prompts_without_ids_get_the_same_ones_everywhere(write: Write) -> None:
    first, second = (read_prompts(write(name, [{"prompt": "Name a sea."}])) for name in ("a.csv", "b.jsonl"))

    assert first[0].id == second[0].id != Prompt.of("Name a river.").id


# Splitting


@pytest.mark.parametrize("count", [3, 4, 8, 10, 57, 200])
def test_pairs_stay_together_in_two_sided_splits(write: Write, count: int) -> None:
    contrast = ContrastSet.read(write("a.jsonl", pairs(count)))

    groups = {}
    for split, piles in contrast.splits().items():
        assert len(piles.positive) == len(piles.negative) > 0
        groups[split] = {p.group for p in piles.positive}
        assert groups[split] == {p.group for p in piles.negative}
    assert len(groups["discovery"] | groups["validation"] | groups["test"]) == count
    if count >= 10:
        assert abs(len(groups["discovery"]) - 0.5 * count) <= 1
        assert abs(len(groups["validation"]) - 0.2 * count) <= 1


def test_prompts_without_groups_are_divided_side_by_side(write: Write) -> None:
    rows = [{key: row[key] for key in ("prompt", "label")} for row in pairs(20)]

    contrast = ContrastSet.read(write("a.jsonl", rows))

    assert [len(pile) for piles in contrast.splits().values() for pile in piles] == [10, 10, 4, 4, 6, 6]


def test_the_division_does_not_depend_on_the_order_of_the_rows(write: Write) -> None:
    rows = pairs(30)
    shuffled = rows.copy()
    random.Random(1).shuffle(shuffled)

    one, other = (
        texts(ContrastSet.read(write("a.jsonl", rows))),
        texts(ContrastSet.read(write("b.jsonl", shuffled))),
    )

    assert {split: tuple(map(sorted, sides)) for split, sides in one.items()} == {
        split: tuple(map(sorted, sides)) for split, sides in other.items()
    }


def test_the_digest_covers_content_and_place_but_not_the_name(write: Write) -> None:
    rows = pairs(8)
    digests = {ContrastSet.read(write(name, rows)).sha256 for name in ("a.jsonl", "b.jsonl")}
    changed = [
        [{**rows[0], "prompt": "Something else"}, *rows[1:]],
        [{**rows[0], "id": "x"}, *rows[1:]],
        [*rows[2:], *rows[:2]],
        pairs(9),
    ]

    for other in changed:
        digests.add(ContrastSet.read(write("a.jsonl", other)).sha256)

    assert len(digests) == 1 + len(changed)


# Leaks

VARIANTS = [
    "FORMAL NUMBER 0",
    "Formal,  number 0!",
    " formal\tnumber\u00a00",
    "\uff26ormal number 0",
    "For\u00admal number 0",
]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("label", ["positive", "negative"])
def test_a_prompt_in_disguise_is_refused_across_splits_and_labels(
    write: Write, variant: str, label: str
) -> None:
    rows = [
        {**row, "split": split}
        for split, row in zip(["discovery"] * 2 + ["validation"] * 2 + ["test"] * 2, pairs(3), strict=True)
    ]
    rows.append({"prompt": variant, "label": label, "split": "test"})

    with pytest.raises(BadPrompts, match=r"a.jsonl, line 7 repeats a.jsonl, line 1"):
        ContrastSet.read(write("a.jsonl", rows))


def test_many_duplicates_are_counted_and_five_are_named(write: Write) -> None:
    rows = pairs(9)
    again = [{"prompt": row["prompt"].upper(), "label": row["label"]} for row in rows]

    with pytest.raises(BadPrompts) as caught:
        ContrastSet.read(write("a.jsonl", rows + again))

    assert str(caught.value).count(" repeats ") == 5
    assert "and 13 more" in str(caught.value)


def test_the_same_question_under_another_system_prompt_is_another_prompt(write: Write) -> None:
    rows = [
        {
            "messages": [
                {"role": "system", "content": mood},
                {"role": "user", "content": f"Question {number}"},
            ],
            "label": label,
        }
        for number in range(3)
        for label, mood in (("positive", "Be cheerful."), ("negative", "Be gloomy."))
    ]

    assert len(ContrastSet.read(write("a.jsonl", rows)).test.positive) == 1


@pytest.mark.parametrize("text", ["?!", "...", "\u2026", "=", "\u2603"])
def test_texts_without_letters_are_still_told_apart(text: str) -> None:
    assert normalised(text)
    assert normalised(text) != normalised("-")


def test_accents_and_vowel_signs_distinguish_prompts() -> None:
    assert normalised("p\u00eache") != normalised("peche")
    assert normalised("\u0915\u093f") != normalised("\u0915\u0940")
    assert normalised("e\u0301t\u00e9") == normalised("\u00e9te\u0301")


def test_test_prompts_that_discovery_or_validation_saw_are_refused(write: Write) -> None:
    contrast = ContrastSet.read(write("a.jsonl", pairs(10)))
    for piles in (contrast.discovery, contrast.validation):
        leaked = piles.negative[0].text.upper() + " ?"
        mine = read_prompts(write("mine.csv", [{"Goal": "Something new"}, {"Goal": leaked}]))
        with pytest.raises(BadPrompts, match=r"mine.csv, line 3 repeats a.jsonl, line \d+"):
            check_held_out(mine, contrast)


def test_test_prompts_may_be_those_of_the_test_split(write: Write) -> None:
    contrast = ContrastSet.read(write("a.jsonl", pairs(10)))

    check_held_out([*contrast.test.positive, Prompt.of("Something new")], contrast)


# Errors

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


@pytest.mark.parametrize("label", ["positive", "negative"])
def test_a_one_sided_set_is_refused_with_counts(write: Write, label: str) -> None:
    rows = [{**row, "label": label} for row in pairs(5)]

    with pytest.raises(BadPrompts, match=r"one-sided\n.*(4 positive and 0|0 positive and 4) negative"):
        ContrastSet.read(write("a.jsonl", rows))


def test_too_few_prompts_for_three_splits_are_refused(write: Write) -> None:
    with pytest.raises(BadPrompts, match="the test split is empty"):
        ContrastSet.read(write("a.jsonl", pairs(2)))


def test_a_torn_pair_and_a_second_use_of_an_id_are_refused(write: Write) -> None:
    splits = ["discovery"] * 2 + ["validation"] * 2 + ["test"] * 2
    rows = [{**row, "split": split} for split, row in zip(splits, pairs(3), strict=True)]
    torn = [*rows, {"prompt": "New", "label": "positive", "split": "test", "group": "pair 0"}]
    twice = [{**row, "id": "same" if place in (1, 4) else str(place)} for place, row in enumerate(rows)]

    with pytest.raises(BadPrompts, match=r"'pair 0' is torn apart\n.*line 7 is in test.*discovery"):
        ContrastSet.read(write("a.jsonl", torn))
    with pytest.raises(BadPrompts, match=r"'same' is used twice\n.*line 2 and a.jsonl, line 5"):
        ContrastSet.read(write("a.jsonl", twice))


def test_the_same_test_prompt_twice_is_refused(write: Write) -> None:
    path = write("a.csv", [{"Goal": "Name a river."}, {"Goal": "Name a sea."}, {"Goal": "Name a river."}])

    with pytest.raises(BadPrompts, match=r"a.csv, line 4: the same prompt.*\n.*first at a.csv, line 2"):
        read_prompts(path)


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello")
    (tmp_path / "latin.csv").write_bytes("Goal\nCaf\u00e9\n".encode("latin-1"))

    with pytest.raises(Prerequisite, match="could not read .*missing.csv"):
        ContrastSet.read(tmp_path / "missing.csv")
    with pytest.raises(BadPrompts, match=r"a.txt: unknown format\n.*\.txt"):
        ContrastSet.read(tmp_path / "a.txt")
    with pytest.raises(BadPrompts, match="latin.csv: not UTF-8"):
        read_prompts(tmp_path / "latin.csv")
    with pytest.raises(BadPrompts, match="limit"):
        read_prompts(tmp_path / "latin.csv", limit=0)


# The Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for the datasets library; `tables` holds what the Hub has, `calls` what was asked."""
    stand_in = SimpleNamespace(tables={}, calls=[])

    def load_dataset(*names: object, **options: object) -> dict[str, Rows]:
        stand_in.calls.append((names, options))
        if not stand_in.tables:
            raise ConnectionError("Couldn't reach the Hub")
        return stand_in.tables

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return stand_in


def test_hub_rows_with_labels_of_their_own(hub: SimpleNamespace, write: Write) -> None:
    rows = pairs(8)
    hub.tables = {"train": rows}

    contrast = ContrastSet.from_hub("someone/pairs", revision="abc")

    assert hub.calls == [(("someone/pairs", None), {"revision": "abc"})]
    assert contrast.sha256 == ContrastSet.read(write("a.jsonl", rows)).sha256
    assert contrast.name == "someone/pairs"


def test_hub_splits_stand_for_labels(hub: SimpleNamespace) -> None:
    hub.tables = {
        "harmful": [{"Goal": f"Formal {number}"} for number in range(4)],
        "benign": [{"Goal": f"Casual {number}"} for number in range(4)],
        "other": [{"unusable": 0}],
    }

    contrast = ContrastSet.from_hub(
        "someone/behaviours", subset="behaviors", labels={"harmful": "positive", "benign": "negative"}
    )

    assert {p.text[:6] for piles in contrast.splits().values() for p in piles.positive} == {"Formal"}
    with pytest.raises(BadPrompts, match=r"no split called safe\n.*harmful, benign, other"):
        ContrastSet.from_hub("someone/behaviours", labels={"safe": "negative"})


def test_hub_errors_name_the_row_the_library_or_the_connection(
    hub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Prerequisite, match=r"could not load the dataset someone/pairs\n.*reach the Hub"):
        ContrastSet.from_hub("someone/pairs")
    hub.tables = {"train": [*pairs(4), {"prompt": "C"}]}
    with pytest.raises(BadPrompts, match="someone/pairs, train row 9: no label"):
        ContrastSet.from_hub("someone/pairs")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(Prerequisite, match=r"neuroswitch\[datasets\]"):
        ContrastSet.from_hub("someone/pairs")


# Built-in sets


@pytest.mark.parametrize(("name", "least"), [("refusal", 120), ("french", 40), ("formal", 40)])
def test_builtin_sets_are_matched_pairs_in_three_splits(name: str, least: int) -> None:
    contrast = ContrastSet.builtin(name)

    count = 0
    for piles in contrast.splits().values():
        assert [p.group for p in piles.positive] == [p.group for p in piles.negative]
        count += len(piles.positive)
    assert count >= least
    assert len(contrast.test.positive) >= 12
    assert contrast.name == name


def test_builtin_prompts_are_single_short_turns() -> None:
    for name in builtin_names():
        for piles in ContrastSet.builtin(name).splits().values():
            for prompt in (*piles.positive, *piles.negative):
                assert len(prompt.messages) == 1
                assert len(prompt.text) < 120, prompt.text


def test_builtin_refusal_pairs_have_the_same_form() -> None:
    contrast = ContrastSet.builtin("refusal")
    for piles in contrast.splits().values():
        for positive, negative in zip(*piles, strict=True):
            assert positive.text.split()[0] == negative.text.split()[0]
            lengths = sorted(len(prompt.text.split()) for prompt in (positive, negative))
            assert lengths[1] - lengths[0] <= 5, (positive.text, negative.text)


def test_an_unknown_builtin_set_lists_those_there_are() -> None:
    with pytest.raises(Prerequisite, match="formal, french, refusal"):
        ContrastSet.builtin("sarcasm")


def test_diverse_prompts_are_many_distinct_and_in_no_contrast_set() -> None:
    prompts = diverse_prompts()

    assert len({normalised(prompt.text) for prompt in prompts}) == len(prompts) >= 60
    assert sum(not prompt.text.isascii() for prompt in prompts) >= 8
    for name in builtin_names():
        check_held_out(prompts, ContrastSet.builtin(name))
