"""Division into splits: pairs together, both sides everywhere, whatever the order of the rows."""

import random

import pytest

from neuroswitch.prompts import ContrastSet
from prompt_files import Write, pairs


def texts(contrast: ContrastSet) -> dict[str, tuple[list[str], list[str]]]:
    """List the texts of a set by split and side."""
    return {
        split: ([p.text for p in piles.positive], [p.text for p in piles.negative])
        for split, piles in contrast.splits().items()
    }


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
