"""The contrast set as a value: what is kept, what its digest covers, which sets are refused."""

import pytest

from neuroswitch.errors import BadPrompts
from neuroswitch.prompts import ContrastSet
from prompt_files import Write, pairs


def test_jsonl_and_csv_give_the_same_set(write: Write) -> None:
    rows = pairs(12)

    assert ContrastSet.read(write("a.jsonl", rows)).sha256 == ContrastSet.read(write("b.csv", rows)).sha256


def test_authors_splits_and_ids_are_kept(write: Write) -> None:
    rows = [
        {**row, "split": split, "id": f"{split}-{row['label']}"}
        for split, pair in zip(("test", "discovery", "validation"), range(3), strict=True)
        for row in pairs(3)[2 * pair : 2 * pair + 2]
    ]

    contrast = ContrastSet.read(write("a.jsonl", rows))

    assert [p.id for p in contrast.test.positive] == ["test-positive"]
    assert [p.id for p in contrast.discovery.negative] == ["discovery-negative"]


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

    with pytest.raises(BadPrompts, match=r"'pair 0' is in two splits\n.*line 7 is in test.*discovery"):
        ContrastSet.read(write("a.jsonl", torn))
    with pytest.raises(BadPrompts, match=r"line 5: two prompts have the id 'same'\n.*a.jsonl, line 2"):
        ContrastSet.read(write("a.jsonl", twice))
