"""`neuroswitch report`: build the page of a finished run again."""

from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli.console import console
from neuroswitch.experiment.comparison.files import FACTS, SUMMARY
from neuroswitch.experiment.comparison.summary import summarise_folder
from neuroswitch.experiment.counts import recount
from neuroswitch.report import rebuild
from neuroswitch.storage import write_json


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or comparison.")],
    show_completions: Annotated[
        bool, typer.Option(help="Put answers to harmful prompts into the page; do not share it then.")
    ] = False,
) -> None:
    """Count the rows of a folder again and rebuild its report.html; neither model nor torch is needed."""
    if (folder / FACTS).exists():
        write_json(folder / SUMMARY, summarise_folder(folder))
    else:
        recount(folder)
    console.print(f"Report: {rebuild(folder, show_completions=show_completions).resolve()}", soft_wrap=True)
