"""The file that holds the answers of a model.

Knows nothing of models or of what an answer means: whoever makes an `AnswerLog` says which columns
each row gets besides the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neuroswitch.errors import BadRun
from neuroswitch.prompts import Prompt
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

    def completions(self, asked: Sequence[Prompt] = ()) -> dict[str, Completion]:
        """Return the answers that are on disk, by prompt id.

        Args:
            asked: Prompts that are asked now: an answer counts for a prompt of the same id and the same text.

        Raises:
            BadRun: A row is damaged, a prompt was answered twice, or an answer is to another text.
        """
        found: dict[str, Completion] = {}
        for one in map(Completion.from_row, self.rows()):
            if found.setdefault(one.prompt_id, one) != one:
                raise BadRun(
                    f"{self.path} holds two answers to one prompt",
                    found=f"{one.prompt_id!r}: {found[one.prompt_id].text[:40]!r} and {one.text[:40]!r}",
                    do="remove one of the lines, or name another file",
                )
        for prompt in asked:
            if prompt.id in found and found[prompt.id].prompt != prompt.text:
                raise BadRun(
                    f"{self.path} holds the answer to another prompt of the same id",
                    found=f"{prompt.id!r}: {prompt.text[:60]!r}",
                    expected=repr(found[prompt.id].prompt[:60]),
                    do="name another file, or give the prompt another id",
                )
        return found

    def append(self, completions: Sequence[Completion]) -> None:
        """Write answers to disk; they survive a crash as soon as this returns."""
        append_jsonl(self.path, [{**self.key, **asdict(one), **self.annotate(one)} for one in completions])
