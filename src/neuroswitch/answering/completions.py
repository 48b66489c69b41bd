"""Answers of a model, and the file that holds them.

Knows nothing of models or of what an answer means: whoever makes an `AnswerLog` says which columns
each row gets besides the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from neuroswitch.errors import BadRun
from neuroswitch.storage import JsonObject, append_jsonl, read_jsonl

Finish = Literal["stop", "length", "settled"]


@dataclass(frozen=True)
class Completion:
    """One answer of a model to one prompt.

    Attributes:
        prompt_id: Id of the prompt.
        prompt: Its last user message.
        text: The answer, without special tokens and without thoughts.
        tokens: How many tokens were generated, end-of-turn included.
        finish: `stop` at an end-of-turn token, `length` at the limit, `settled` where generation stopped
            because the verdict could no longer change.
        thought: What a reasoning model thought before it answered; empty without thoughts.
    """

    prompt_id: str
    prompt: str
    text: str
    tokens: int
    finish: Finish
    thought: str = ""

    @property
    def cut_off_in_thought(self) -> bool:
        """Whether the limit came before the answer: there is nothing to judge."""
        return self.finish == "length" and bool(self.thought) and not self.text.strip()

    @classmethod
    def from_row(cls, row: Mapping[str, object]) -> "Completion":
        """Take the answer out of a row of an `AnswerLog`.

        Raises:
            BadRun: A column is missing or holds something else.
        """
        try:
            return _COMPLETION.validate_python(row)
        except ValidationError as error:
            raise BadRun("a row is not an answer", found=str(error)) from error


_COMPLETION = TypeAdapter(Completion)

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
