"""Which prompts are for discovery, which for validation, which for the test.

If the rows do not say, groups are sorted by a hash of their content and cut at 50 % and 70 %: a file always
gives the same splits, whatever the order of its rows, and a matched pair stays together. Groups of one kind
(pairs; positives alone; negatives alone) are cut separately, so that three of a kind give two-sided splits.
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
    """A prompt with its label and, if its row says so, its split."""

    prompt: Prompt
    label: str
    split: str | None

    @property
    def group(self) -> str:
        """The name of its group; a prompt without one is a group of its own."""
        return f"id {self.prompt.id}" if self.prompt.group is None else f"group {self.prompt.group}"


def with_splits(rows: Sequence[Labelled]) -> list[tuple[str, Labelled]]:
    """Pair every row with its split, in the order of the rows.

    Raises:
        BadPrompts: Some rows say their split and others do not.
    """
    silent = [row for row in rows if row.split is None]
    if 0 < len(silent) < len(rows):
        raise BadPrompts(
            f"{silent[0].prompt.place}: no split",
            found=f"{len(rows) - len(silent)} rows with a split and {len(silent)} without",
            expected="a split on every row, or on none",
        )
    divided = _divided(rows) if silent else {}
    return [(row.split or divided[row.group], row) for row in rows]


def _divided(rows: Sequence[Labelled]) -> dict[str, str]:
    """Return the split of every group."""
    members: dict[str, list[Labelled]] = defaultdict(list)
    for row in rows:
        members[row.group].append(row)
    kinds: dict[frozenset[str], list[str]] = defaultdict(list)
    for group, its in members.items():
        kinds[frozenset(row.label for row in its)].append(group)
    splits = {}
    for groups in kinds.values():
        groups.sort(key=lambda group: digest(sorted(row.prompt.messages for row in members[group])))
        # At least one group in each split, so that three groups are enough for three splits.
        first = max(1, len(groups) * CUTS[0] // 100)
        second = max(first + 1, len(groups) * CUTS[1] // 100)
        for place, group in enumerate(groups):
            splits[group] = SPLITS[(place >= first) + (place >= second)]
    return splits
