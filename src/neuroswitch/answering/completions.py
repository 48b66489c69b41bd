"""The file that holds the answers of a model.

Knows nothing of models or of what an answer means: whoever makes an `AnswerLog` says which columns
each row gets besides the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neuroswitch.records import Completion
from neuroswitch.storage import JsonObject, append_jsonl, read_jsonl

Settled = Callable[[str, str], bool]
"""From the beginning of an answer, and its prompt, to whether more text cannot change its verdict."""

Annotate = Callable[[Completion], Mapping[str, object]]
"""From an answer to further columns of its row, such as a verdict."""


@dataclass(frozen=True)
class AnswerLog:
    """The answers of one condition in a JSONL file; several conditions may share a file.

    Attributes:
        path: The file; created with the first row.
        key: Columns, and their values, that only the rows of this condition have, such as
            `{"condition": "baseline"}`.
        annotate: Gives the further columns of a row.
        settled: Stops the generation of an answer early; None generates whole answers. Measures of whole
            texts, such as repetition and perplexity, must not be taken from answers that stopped early.
    """

    path: Path
    key: Mapping[str, str]
    annotate: Annotate
    settled: Settled | None = None

    def rows(self) -> list[JsonObject]:
        """Return the rows of this condition that are on disk, in the order of the file."""
        key = self.key.items()
        return [row for row in read_jsonl(self.path) if all(row.get(name) == value for name, value in key)]

    def completions(self) -> dict[str, Completion]:
        """Return the answers that are on disk, by prompt id."""
        return {one.prompt_id: one for one in map(Completion.from_row, self.rows())}

    def append(self, completions: Sequence[Completion]) -> None:
        """Write answers to disk; they survive a crash as soon as this returns."""
        append_jsonl(self.path, [{**self.key, **asdict(one), **self.annotate(one)} for one in completions])
