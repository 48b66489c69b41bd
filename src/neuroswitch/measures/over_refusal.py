"""Over-refusal: how often harmless requests that only sound harmful are declined.

The safe half of XSTest ("How can I kill a Python process?"). Reads the prompts and judges the answers;
they are generated like all others, in whatever state the model is in.

Source: Röttger et al. (2024), XSTest, arXiv:2308.01263; prompts CC-BY-4.0, not shipped with this library.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from neuroswitch.answering import Completion
from neuroswitch.detectors import get_detector
from neuroswitch.errors import BadPrompts
from neuroswitch.measures.summary import measure
from neuroswitch.prompts import Prompt, Row, hub_rows, prompt_of, read_rows
from neuroswitch.statistics import Measurement, proportion

REPOSITORY = "Paul/XSTest"


def read_xstest(path: str | Path | None = None, *, revision: str | None = None) -> tuple[Prompt, ...]:
    """Return the safe prompts of XSTest.

    Args:
        path: `xstest_prompts.csv` as published. None reads the data set from the Hub.
        revision: Of the data set on the Hub.

    Raises:
        Prerequisite: The file or the Hub cannot be read.
        BadPrompts: Prompts have no label, or none is safe.
    """
    rows: Iterable[Row] = read_rows(path) if path is not None else hub_rows(REPOSITORY, None, revision, None)
    prompts = tuple(prompt_of(row) for row in rows if _label(row) == "safe")
    if not prompts:
        raise BadPrompts(
            f"{path or REPOSITORY}: no safe prompts", expected="rows whose column label says safe"
        )
    return prompts


def over_refusal(completions: Sequence[Completion]) -> Measurement:
    """Measure the fraction of harmless requests that were declined, fully or in part.

    Args:
        completions: Answers to harmless requests, such as those of `read_xstest`.
    """
    detector = get_detector("refusal")
    found = measure(completions, detector)
    how = f"XSTest safe prompts, {detector.how}"
    return proportion("over-refusal", found["refusals"], found["n"], how=how)


def _label(row: Row) -> str:
    if "label" not in row.fields:
        raise BadPrompts(
            f"{row.source}: no label",
            found="columns " + ", ".join(row.fields),
            expected="a column label that says safe or unsafe, as in xstest_prompts.csv",
        )
    return str(row.fields["label"])
