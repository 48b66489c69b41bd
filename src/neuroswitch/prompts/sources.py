"""Rows that are not in a file of the user: the library's own prompts, and datasets of the Hugging Face Hub.

The library's contrast sets are `data/contrast/NAME.jsonl`: a new file is a new set. Their texts were written
for this library; none is taken from a benchmark.
"""

from collections.abc import Iterator, Mapping
from importlib import resources

from neuroswitch.errors import BadOption, BadPrompts, Prerequisite
from neuroswitch.prompts.prompt import Prompt
from neuroswitch.prompts.rows import Row, make_row, parse_rows, prompt_of

_DATA = resources.files("neuroswitch") / "data"


def builtin_names() -> list[str]:
    """List the contrast sets that come with the library."""
    names = (file.name for file in (_DATA / "contrast").iterdir())
    return sorted(name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl"))


def builtin_rows(name: str) -> list[Row]:
    """Return the rows of a built-in contrast set.

    Raises:
        BadOption: There is no such set; the message lists those there are.
    """
    if name not in builtin_names():
        raise BadOption(
            f"there is no built-in contrast set called {name!r}",
            expected="one of " + ", ".join(builtin_names()),
        )
    text = (_DATA / "contrast" / f"{name}.jsonl").read_text(encoding="utf-8")
    return parse_rows(text, f"{name}.jsonl")


def diverse_prompts() -> tuple[Prompt, ...]:
    """Return ordinary prompts over many topics, forms and languages.

    With them, neurons that are active on any prompt are found, and damage is measured.
    """
    text = (_DATA / "diverse.jsonl").read_text(encoding="utf-8")
    return tuple(map(prompt_of, parse_rows(text, "diverse.jsonl")))


def hub_rows(
    repository: str, subset: str | None, revision: str | None, labels: Mapping[str, str] | None
) -> Iterator[Row]:
    """Yield the rows of a dataset of the Hub, with sources such as "owner/name, harmful row 3".

    Args:
        repository: Repository on the Hub, or a folder with dataset files.
        subset: Configuration of the dataset.
        revision: Commit, tag or branch.
        labels: Split of the dataset -> label of all its rows; other splits are not read. None reads all
            splits, whose rows have labels of their own.

    Raises:
        Prerequisite: The `datasets` library is missing, or the dataset cannot be reached.
        BadPrompts: A split in `labels` does not exist.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise Prerequisite(
            f"cannot read {repository}: the datasets library is not installed",
            do="pip install 'neuroswitch[datasets]', or save the set as a .jsonl file and name that",
        ) from error
    try:
        dataset = load_dataset(repository, subset, revision=revision)
    except (OSError, ValueError) as error:
        raise Prerequisite(
            f"could not load the dataset {repository}",
            found=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
            do="check the name, the subset and the connection; a gated dataset needs `hf auth login`",
        ) from error
    if missing := [part for part in labels or () if part not in dataset]:
        raise BadPrompts(
            f"{repository}: no split called " + ", ".join(missing), expected="one of " + ", ".join(dataset)
        )
    for part in dataset if labels is None else labels:
        own = {"label": labels[part]} if labels is not None else {}
        for number, cells in enumerate(dataset[part], start=1):
            yield make_row(f"{repository}, {part} row {number}", {**cells, **own})
