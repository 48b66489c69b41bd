"""Rows of a dataset on the Hugging Face Hub, through the optional `datasets` library.

Knows how to load a dataset and to name its rows. Does not know what the rows mean.
"""

from collections.abc import Iterator, Mapping

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.prompts.rows import Row, make_row


def hub_rows(
    repository: str, subset: str | None, revision: str | None, labels: Mapping[str, str] | None
) -> Iterator[Row]:
    """Yield the rows of a dataset, each with a place such as "owner/name, harmful row 3".

    Args:
        repository: Repository on the Hub, or a folder with dataset files.
        subset: Configuration of the dataset.
        revision: Commit, tag or branch.
        labels: Dataset split -> label of all its rows; other splits are not read. None reads all
            splits and leaves the label to the rows.

    Raises:
        Prerequisite: The `datasets` library is missing, or the dataset cannot be reached.
        BadPrompts: A split named in `labels` does not exist.
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
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            do="check the name, the subset and the connection; a gated dataset needs `hf auth login`",
        ) from error
    chosen: Mapping[str, str | None] = labels if labels is not None else dict.fromkeys(dataset)
    if missing := [part for part in chosen if part not in dataset]:
        raise BadPrompts(
            f"{repository}: no split called " + ", ".join(missing), expected="one of " + ", ".join(dataset)
        )
    for part, label in chosen.items():
        for number, cells in enumerate(dataset[part], start=1):
            own = {"label": label} if label is not None else {}
            yield make_row(f"{repository}, {part} row {number}", {**cells, **own})
