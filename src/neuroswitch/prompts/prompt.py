"""One prompt: what is said to the model, and where it came from.

Knows roles and their order. Does not know labels, splits, templates or tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from neuroswitch.errors import BadPrompts
from neuroswitch.storage import digest

ROLES = ("system", "user", "assistant")


class Message(NamedTuple):
    """One turn of a conversation; `role` is one of `ROLES`."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    """A conversation that waits for the model's answer.

    Args:
        messages: The turns; the last is the user's.
        id: Name of the prompt in results, unique in its set. Default: a digest of the messages.
        group: Name shared by the members of a matched pair; they never part company.
        source: Where it was read, for messages ("pairs.csv, line 7"); not part of its identity.

    Raises:
        BadPrompts: No messages, an empty or unknown one, or the last is not the user's.
    """

    messages: tuple[Message, ...]
    id: str = ""
    group: str | None = None
    source: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        self._check()
        if not self.id:
            object.__setattr__(self, "id", digest(self.messages)[:12])

    @classmethod
    def of(
        cls,
        content: str | Sequence[Mapping[str, Any]],
        *,
        id: str = "",
        group: str | None = None,
        source: str = "",
    ) -> "Prompt":
        """Make a prompt of a text, or of chat messages `[{"role": ..., "content": ...}, ...]`.

        Raises:
            BadPrompts: The messages have another shape, or break a rule of `Prompt`.

        Example:
            >>> Prompt.of("Name three rivers.").messages
            (Message(role='user', content='Name three rivers.'),)
        """
        turns = [{"role": "user", "content": content}] if isinstance(content, str) else content
        messages = tuple(_message(turn, source) for turn in turns)
        return cls(messages=messages, id=id, group=group, source=source)

    @property
    def text(self) -> str:
        """What the user says last."""
        return self.messages[-1].content

    @property
    def place(self) -> str:
        """How to name the prompt in a message: its source if it has one, else its id."""
        return self.source or f"prompt {self.id}"

    def _check(self) -> None:
        where = self.source or "a prompt"
        if not self.messages:
            raise BadPrompts(f"{where}: no messages", expected="at least one message of the user")
        for message in self.messages:
            if message.role not in ROLES:
                raise BadPrompts(
                    f"{where}: unknown role", found=repr(message.role), expected="one of " + ", ".join(ROLES)
                )
            if not message.content.strip():
                raise BadPrompts(
                    f"{where}: empty text",
                    found=f"a {message.role} message without text",
                    do="fill it in or remove the row",
                )
        if self.messages[-1].role != "user":
            raise BadPrompts(
                f"{where}: the last message is not the user's",
                found=f"role {self.messages[-1].role!r}",
                expected="a user message, so that the model is the one to answer",
            )


def _message(turn: object, source: str) -> Message:
    if not isinstance(turn, Mapping) or not all(isinstance(turn.get(key), str) for key in Message._fields):
        raise BadPrompts(
            f"{source or 'a prompt'}: malformed message",
            found=repr(turn)[:80],
            expected='{"role": "user", "content": "..."}',
        )
    return Message(turn["role"], turn["content"])
