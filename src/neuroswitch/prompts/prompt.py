"""One prompt: the messages that the model answers, and where they were read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from neuroswitch.errors import BadPrompts
from neuroswitch.storage import digest

ROLES = ("system", "user", "assistant")


class Message(NamedTuple):
    """One turn of a conversation; `role` is one of `ROLES`."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    """A conversation whose next turn is the model's.

    Args:
        messages: The turns; the last is the user's.
        id: Name of the prompt in results, unique in its set. Default: a digest of the messages.
        group: Name shared by the members of a matched pair, which always stay in one split.
        source: Where it was read, for error messages ("pairs.csv, line 7"); not compared.

    Raises:
        BadPrompts: No messages, an empty or unknown one, the last is not the user's, or a text holds half
            a character.
    """

    messages: tuple[Message, ...]
    id: str = ""
    group: str | None = None
    source: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        where = self.source or "a prompt"
        if not self.messages:
            raise BadPrompts(f"{where}: no messages", expected="at least one message of the user")
        for role, content in self.messages:
            if role not in ROLES:
                raise BadPrompts(
                    f"{where}: unknown role", found=repr(role), expected="one of " + ", ".join(ROLES)
                )
            if not content.strip():
                raise BadPrompts(
                    f"{where}: empty text",
                    found=f"a {role} message without text",
                    do="add the text or remove the row",
                )
        for text in (self.id, self.group or "", *(content for _, content in self.messages)):
            _require_characters(text, where)
        if self.messages[-1].role != "user":
            raise BadPrompts(
                f"{where}: the last message is not the user's",
                found=f"role {self.messages[-1].role!r}",
                expected="a user message, because the model answers next",
            )
        if not self.id:
            object.__setattr__(self, "id", digest(self.messages)[:12])

    @classmethod
    def of(
        cls,
        content: str | Sequence[Mapping[str, object]],
        *,
        id: str = "",
        group: str | None = None,
        source: str = "",
    ) -> "Prompt":
        """Make a prompt of a text, or of chat messages `[{"role": ..., "content": ...}, ...]`.

        Raises:
            BadPrompts: The messages have another shape, or break a rule of `Prompt`.

        Examples:
            >>> Prompt.of("Name three rivers.").messages
            (Message(role='user', content='Name three rivers.'),)
        """
        turns = (
            [Message("user", content)] if isinstance(content, str) else [_message(t, source) for t in content]
        )
        return cls(messages=tuple(turns), id=id, group=group, source=source)

    @property
    def text(self) -> str:
        """The last message of the user."""
        return self.messages[-1].content

    @property
    def place(self) -> str:
        """The source of the prompt if it has one, else its id, for error messages."""
        return self.source or f"prompt {self.id}"


def _require_characters(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadPrompts(
            f"{where}: half a character",
            found=f"{error.object[error.start]!r} at offset {error.start}",
            expected="text of whole characters; JSON writes those beyond the first 65,536 as two escapes",
            do="repair the text where it was written",
        ) from error


def _message(turn: object, source: str) -> Message:
    if isinstance(turn, Mapping):
        role, content = turn.get("role"), turn.get("content")
        if isinstance(role, str) and isinstance(content, str):
            return Message(role, content)
    raise BadPrompts(
        f"{source or 'a prompt'}: malformed message",
        found=repr(turn)[:80],
        expected='{"role": "user", "content": "..."}',
    )
