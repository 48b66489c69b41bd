"""`neuroswitch report`: build the page of a finished run again."""

from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli.console import console
from neuroswitch.pipeline.comparison.files import FACTS, SUMMARY
from neuroswitch.pipeline.comparison.summary import summarise_folder
from neuroswitch.reporting import rebuild
from neuroswitch.storage import write_json


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or comparison.")],
    show_completions: Annotated[
        bool, typer.Option(help="Put answers to harmful prompts into the page; do not share it then.")
    ] = False,
) -> None:
    """Rebuild report.html from the files of the folder; a comparison's numbers are computed again."""
    if (folder / FACTS).exists():
        write_json(folder / SUMMARY, summarise_folder(folder))
    console.print(f"Report: {rebuild(folder, show_completions=show_completions).resolve()}", soft_wrap=True)
