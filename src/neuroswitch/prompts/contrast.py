"""The contrast set: prompts that show a behaviour and prompts that do not, in three splits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from neuroswitch.errors import BadPrompts
from neuroswitch.prompts.leaks import leaks, refuse_duplicates, refuse_one_id, repeats
from neuroswitch.prompts.prompt import Prompt
from neuroswitch.prompts.rows import Row, prompt_of, read_rows
from neuroswitch.prompts.sources import builtin_rows, hub_rows
from neuroswitch.prompts.splits import LABELS, SPLITS, Labelled, with_splits
from neuroswitch.storage import digest


class Piles(NamedTuple):
    """The two sides of one split, in the order of the file."""

    positive: tuple[Prompt, ...]
    negative: tuple[Prompt, ...]


@dataclass(frozen=True)
class ContrastSet:
    """Positive and negative prompts in three splits.

    Args:
        name: What the set is called in reports.
        discovery: Prompts from which neurons are found.
        validation: Prompts by which settings are chosen.
        test: Held-out prompts, for the reported numbers only.

    Raises:
        BadPrompts: A split lacks a side, a prompt or an id occurs twice, a group is in two splits.

    Examples:
        >>> contrast = ContrastSet.builtin("french")
        >>> len(contrast.discovery.positive) == len(contrast.discovery.negative)
        True
    """

    name: str
    discovery: Piles
    validation: Piles
    test: Piles

    def __post_init__(self) -> None:
        self._check_sides()
        refuse_duplicates(
            repeats(prompt for _, prompt in self._members()),
            f"contrast set {self.name!r}: the same prompt twice",
            do="keep one of each: a prompt in two splits is not held out, and one with two labels has no meaning",
        )
        self._check_names()

    @classmethod
    def builtin(cls, name: str) -> "ContrastSet":
        """Return a set that comes with the library; `builtin_names` lists them.

        Raises:
            BadOption: There is no such set; the message lists those there are.
        """
        return cls.from_rows(name, builtin_rows(name))

    @classmethod
    def read(cls, path: str | Path) -> "ContrastSet":
        """Read a set from a `.jsonl` or `.csv` file.

        Columns: `prompt` (or `messages`, chat messages as JSON) and `label` (positive or negative);
        optional are `split` (discovery, validation or test, on every row or on none), `group`
        (the name of a matched pair) and `id`. Without `split`, half of the groups go to discovery,
        a fifth to validation and the rest to the test, by a hash of their content.

        Raises:
            Prerequisite: The file cannot be read.
            BadPrompts: A row is malformed, or the set breaks a rule of `ContrastSet`.
        """
        return cls.from_rows(Path(path).stem, read_rows(path))

    @classmethod
    def from_hub(
        cls,
        repository: str,
        *,
        subset: str | None = None,
        revision: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> "ContrastSet":
        """Read a set from a dataset of the Hugging Face Hub, with the columns of `read`.

        Args:
            repository: Such as "owner/name", or a folder with dataset files.
            subset: Configuration of the dataset, if it has several.
            revision: Commit, tag or branch; only a commit makes the run repeatable.
            labels: Split of the dataset -> label of all its rows, such as
                `{"harmful": "positive", "benign": "negative"}`, if the rows have no label.

        Raises:
            Prerequisite: The `datasets` library is missing, or the dataset cannot be reached.
            BadPrompts: A row is malformed, or the set breaks a rule of `ContrastSet`.
        """
        return cls.from_rows(repository, hub_rows(repository, subset, revision, labels))

    @classmethod
    def from_rows(cls, name: str, rows: Iterable[Row]) -> "ContrastSet":
        """Make a set of rows with the columns of `read`.

        Raises:
            BadPrompts: A row is malformed, or the set breaks a rule of `ContrastSet`.
        """
        labelled = [
            Labelled(
                prompt_of(row),
                _choice(row, "label", LABELS),
                _choice(row, "split", SPLITS) if "split" in row.fields else None,
            )
            for row in rows
        ]
        piles: dict[tuple[str, str], list[Prompt]] = defaultdict(list)
        for split, one in with_splits(labelled):
            piles[split, one.label].append(one.prompt)
        discovery, validation, test = (
            Piles(*(tuple(piles[split, label]) for label in LABELS)) for split in SPLITS
        )
        return cls(name, discovery=discovery, validation=validation, test=test)

    @property
    def sha256(self) -> str:
        """Digest of all prompts with their ids, groups, labels and splits, in order; not of the name."""
        return digest(
            [[place, prompt.messages, prompt.id, prompt.group] for place, prompt in self._members()]
        )

    def splits(self) -> dict[str, Piles]:
        """Return the three splits by name."""
        return {split: getattr(self, split) for split in SPLITS}

    def _members(self) -> Iterator[tuple[str, Prompt]]:
        for split, piles in self.splits().items():
            for label, pile in zip(LABELS, piles, strict=True):
                for prompt in pile:
                    yield f"{split}/{label}", prompt

    def _check_sides(self) -> None:
        for split, piles in self.splits().items():
            counts = [len(pile) for pile in piles]
            if not all(counts):
                flaw = "one-sided" if any(counts) else "empty"
                raise BadPrompts(
                    f"contrast set {self.name!r}: the {split} split is {flaw}",
                    found=f"{counts[0]} positive and {counts[1]} negative prompts",
                    expected="at least one of each in discovery, validation and test",
                    do="add prompts, or leave out the split column and have them divided",
                )

    def _check_names(self) -> None:
        refuse_one_id(prompt for _, prompt in self._members())
        homes: dict[str, str] = {}
        for place, prompt in self._members():
            split = place.partition("/")[0]
            if prompt.group is not None and homes.setdefault(prompt.group, split) != split:
                raise BadPrompts(
                    f"contrast set {self.name!r}: the group {prompt.group!r} is in two splits",
                    found=f"{prompt.place} is in {split}, another member in {homes[prompt.group]}",
                    do="put the whole group in one split",
                )


def check_held_out(prompts: Sequence[Prompt], contrast: ContrastSet) -> None:
    """Check that no test prompt is in the discovery or validation split.

    Raises:
        BadPrompts: Some are; the message names the first five with their places.
    """
    seen = [prompt for pile in (*contrast.discovery, *contrast.validation) for prompt in pile]
    refuse_duplicates(
        leaks(seen, prompts),
        f"test prompts leak: they are in the discovery or validation split of {contrast.name!r}",
        do="remove them from the test prompts: neurons were chosen on them, so they are not held out",
    )


def _choice(row: Row, column: str, choices: Sequence[str]) -> str:
    value = row.fields.get(column)
    if isinstance(value, str) and value in choices:
        return value
    raise BadPrompts(
        f"{row.source}: {'no' if value is None else 'unknown'} {column}",
        found="columns " + ", ".join(row.fields) if value is None else repr(value)[:80],
        expected=f"{column} is one of " + ", ".join(choices),
    )
