"""Leaks: the same prompt in any disguise, within a set and from outside."""

import pytest

from neuroswitch.errors import BadPrompts
from neuroswitch.prompts import ContrastSet, Prompt, check_held_out, read_prompts
from neuroswitch.prompts.leaks import comparable
from prompt_files import Write, pairs

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
    assert comparable(text)
    assert comparable(text) != comparable("-")


def test_accents_and_vowel_signs_distinguish_prompts() -> None:
    assert comparable("p\u00eache") != comparable("peche")
    assert comparable("\u0915\u093f") != comparable("\u0915\u0940")
    assert comparable("e\u0301t\u00e9") == comparable("\u00e9te\u0301")


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
