"""The end of an experiment: its summary and its page, computed from the files in its folder."""

from pathlib import Path

from neuroswitch.experiment.folder import SUMMARY
from neuroswitch.experiment.summarising import read_provenance, summarise
from neuroswitch.report import Summary, rebuild, summary_json
from neuroswitch.storage import write_atomic


def finish_report(folder: Path, *, show_completions: bool = False) -> Summary:
    """Compute the summary again from the rows on disk, and write it with its page.

    The labels are those on disk, so that a row that was corrected by hand counts as corrected.

    Args:
        folder: Folder of an experiment.
        show_completions: Whether the page may contain answers to the positive prompts of a sensitive behaviour.

    Raises:
        BadRun: A file is missing or damaged.
    """
    folder = Path(folder)
    summary = summarise(folder)
    provenance = {**summary.provenance, **read_provenance(folder)}
    write_atomic(folder / SUMMARY, summary_json(summary))
    rebuild(folder, provenance, show_completions=show_completions)
    return summary.model_copy(update={"provenance": provenance})
