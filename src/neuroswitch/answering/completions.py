"""What a model answered, and the journal that keeps every answer on disk as it comes.

Knows nothing of models or of what an answer means: the journal stores whatever columns its
annotator adds. A journal is a plain JSONL file; several conditions can share one file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from neuroswitch.storage import append_jsonl, read_jsonl

Finish = Literal["stop", "length", "settled"]


@dataclass(frozen=True)
class Completion:
    """One answer of a model to one prompt.

    Attributes:
        prompt_id: Which prompt.
        prompt: Its last user message, for people.
        text: The answer, special tokens removed.
        tokens: How many tokens were generated, end-of-turn included.
        finish: `stop` at an end-of-turn token, `length` at the limit, `settled` where it was broken off
            because its verdict could no longer change.
    """

    prompt_id: str
    prompt: str
    text: str
    tokens: int
    finish: Finish


Settled = Callable[[str, str], bool]
"""Says of an answer so far, and its prompt, that more text cannot change what is counted."""

Annotator = Callable[[Completion], Mapping[str, Any]]
"""Adds columns, such as a verdict, to the row of a completion."""


@dataclass(frozen=True)
class Journal:
    """One condition's part of a results file.

    Attributes:
        path: The JSONL file; created with the first row.
        key: Columns that name the condition, for example `{"condition": "baseline"}`.
        annotate: Adds the columns that say what the answer means.
        settled: Breaks answers off early where only verdicts are counted; None lets them end. Measures
            of whole texts, such as repetition and perplexity, mean nothing on what is left.
    """

    path: Path
    key: Mapping[str, str]
    annotate: Annotator
    settled: Settled | None = None

    def is_settled(self, text: str, prompt: str) -> bool:
        """Say whether an answer so far may be broken off."""
        return self.settled is not None and self.settled(text, prompt)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of this condition that are already on disk, in file order."""
        return [row for row in read_jsonl(self.path) if self._is_mine(row)]

    def completions(self) -> dict[str, Completion]:
        """Return what is already answered: prompt id -> completion."""
        fields = Completion.__dataclass_fields__
        return {row["prompt_id"]: Completion(**{name: row[name] for name in fields}) for row in self.rows()}

    def append(self, completions: Sequence[Completion]) -> None:
        """Write completions to disk, annotated; they are durable when this returns."""
        rows = [{**self.key, **asdict(one), **self.annotate(one)} for one in completions]
        append_jsonl(self.path, rows)

    def _is_mine(self, row: Mapping[str, Any]) -> bool:
        return all(row.get(name) == value for name, value in self.key.items())
