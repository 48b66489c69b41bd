"""What tests of pages share: what a reader sees, the answer, and a summary with a part changed."""

from collections.abc import Sequence

from html_tree import Tree

from neuroswitch.records import AnswerRow
from neuroswitch.report import render_page
from neuroswitch.report.sections.answer import head
from neuroswitch.report.view import View
from neuroswitch.summary import Summary


def text_of(summary: Summary, rows: Sequence[AnswerRow] = ()) -> str:
    """Return what a reader sees on the page."""
    return Tree(render_page(summary, rows)).text()


def answer(summary: Summary) -> str:
    """Return the sentence at the head of the page."""
    return spaced(str(head(View(summary, []))["answer"]))


def spaced(text: str) -> str:
    """Return a text with plain spaces."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def with_row(summary: Summary, place: int, **change: object) -> Summary:
    """Return the summary with one of its rows changed."""
    cells = list(summary.cells)
    cells[place] = cells[place].model_copy(update=change)
    return summary.model_copy(update={"cells": tuple(cells)})
