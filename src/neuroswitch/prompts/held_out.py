"""Prompts for a test that are in a file of their own: without labels, or with both labels in one file."""

from pathlib import Path
from typing import NamedTuple

from neuroswitch.errors import BadPrompts
from neuroswitch.prompts.leaks import refuse_duplicates, refuse_one_id, repeats
from neuroswitch.prompts.prompt import Prompt
from neuroswitch.prompts.rows import Row, prompt_of, read_rows
from neuroswitch.prompts.splits import LABELS, SPLITS

POSITIVE, NEGATIVE = LABELS
TEST = SPLITS[-1]


class PromptFile(NamedTuple):
    """The prompts of a file.

    Attributes:
        positive: Those that should show the behaviour; all of them where the file has no labels.
        negative: Those that should not.
        labelled: Whether the file has labels.
    """

    positive: tuple[Prompt, ...]
    negative: tuple[Prompt, ...]
    labelled: bool


def read_prompts(path: str | Path) -> tuple[Prompt, ...]:
    r"""Read prompts of one kind: CSV with a column Goal or prompt, or JSONL with prompt or messages.

    Args:
        path: A `.csv` or `.jsonl` file, such as the goals of JailbreakBench.

    Returns:
        The prompts in the order of the file.

    Raises:
        Prerequisite: The file cannot be read.
        BadPrompts: It is malformed or empty, holds a prompt twice (case, punctuation and spaces make no
            difference), two prompts have one id, or prompts with both labels.

    Examples:
        >>> written = Path("goals.csv").write_text("Goal\nName three rivers.\nName a tree.\n")
        >>> [prompt.text for prompt in ns.read_prompts("goals.csv")]
        ['Name three rivers.', 'Name a tree.']
    """
    found = read_test_file(path)
    if found.positive and found.negative:
        raise BadPrompts(
            f"{Path(path).name}: prompts with both labels, where prompts of one kind are expected",
            found=f"{len(found.positive)} positive and {len(found.negative)} negative ones",
            do="read a contrast set with ContrastSet.read, or give this function one file for each label",
        )
    return found.positive or found.negative


def read_test_file(path: str | Path) -> PromptFile:
    """Read test prompts with or without a column `label`.

    Raises:
        Prerequisite: The file cannot be read.
        BadPrompts: It is malformed or empty, a prompt or an id occurs twice, some rows have a label and others
            have none, or a row is of another split than the test.
    """
    rows, name = read_rows(path), Path(path).name
    prompts = list(map(prompt_of, rows))
    refuse_duplicates(
        repeats(prompts),
        f"{name}: the same prompt twice",
        do="remove one of the two: a prompt that is counted twice makes intervals too narrow",
    )
    refuse_one_id(prompts)
    labels = [_label(row) for row in rows]
    if None in labels and any(labels):
        raise BadPrompts(
            f"{rows[labels.index(None)].source}: no label",
            found="other rows of the file have one",
            expected="a label on every row, or on none",
        )
    piles = {
        label: tuple(
            prompt for prompt, own in zip(prompts, labels, strict=True) if (own or POSITIVE) == label
        )
        for label in LABELS
    }
    return PromptFile(piles[POSITIVE], piles[NEGATIVE], labelled=any(labels))


def _label(row: Row) -> str | None:
    if row.fields.get("split", TEST) != TEST:
        raise BadPrompts(
            f"{row.source}: a prompt of another split among the test prompts",
            found=f"split {row.fields['split']!r}",
            expected=f"{TEST}, or no column split",
            do="keep the rows of the test split only",
        )
    label = row.fields.get("label")
    if label is None or label in LABELS:
        return label  # type: ignore[return-value]
    raise BadPrompts(
        f"{row.source}: unknown label",
        found=repr(label)[:80],
        expected="label is one of " + ", ".join(LABELS) + ", or there is no column label",
        do="rename the column if it means something else; of other labels nobody can say what a prompt should show",
    )
