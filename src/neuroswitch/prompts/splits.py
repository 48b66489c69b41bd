"""Which prompts are for discovery, which for validation, which for the test.

Without an author's word, groups are put in the order of a hash of their content and cut at
50 % and 70 %: the same file always gives the same splits, whatever the order of its rows, and
a matched pair stays together. Groups of a kind (pairs; positives alone; negatives alone) are
cut separately, so every split is two-sided as soon as there are three of a kind.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from neuroswitch.errors import BadPrompts
from neuroswitch.prompts.prompt import Prompt
from neuroswitch.storage import digest

LABELS = ("positive", "negative")
SPLITS = ("discovery", "validation", "test")
CUTS = (50, 70)  # percent


class Labelled(NamedTuple):
    """A prompt with its label and, if its author chose one, its split."""

    prompt: Prompt
    label: str
    split: str | None


def with_splits(rows: Sequence[Labelled]) -> list[tuple[str, Labelled]]:
    """Pair every row with its split, in the order of the rows.

    Raises:
        BadPrompts: Some rows say their split and others do not.
    """
    silent = [row for row in rows if row.split is None]
    if not silent:
        return [(row.split, row) for row in rows if row.split is not None]
    if len(silent) < len(rows):
        raise BadPrompts(
            f"{silent[0].prompt.place}: no split",
            found=f"{len(rows) - len(silent)} rows with a split and {len(silent)} without",
            expected="a split on every row, or on none",
        )
    home = _homes(rows)
    return [(home[_group(row)], row) for row in rows]


def _homes(rows: Sequence[Labelled]) -> dict[str, str]:
    members: dict[str, list[Labelled]] = defaultdict(list)
    for row in rows:
        members[_group(row)].append(row)
    kinds: dict[frozenset[str], list[str]] = defaultdict(list)
    for group, its in members.items():
        kinds[frozenset(row.label for row in its)].append(group)
    return {group: split for groups in kinds.values() for group, split in _cut(groups, members).items()}


def _cut(groups: Sequence[str], members: dict[str, list[Labelled]]) -> dict[str, str]:
    def content(group: str) -> str:
        return digest(sorted(row.prompt.messages for row in members[group]))

    ordered = sorted(groups, key=content)
    count = len(ordered)
    # Rounding down, with at least one each, makes three groups enough for three splits.
    first = max(1, count * CUTS[0] // 100)
    second = max(first + 1, count * CUTS[1] // 100)
    bounds = (range(first), range(first, second), range(second, count))
    return {
        ordered[place]: split
        for split, places in zip(SPLITS, bounds, strict=True)
        for place in places
        if place < count
    }


def _group(row: Labelled) -> str:
    # A prompt without a group is a group of its own; the prefix keeps its id apart from group names.
    return f"group {row.prompt.group}" if row.prompt.group is not None else f"id {row.prompt.id}"
