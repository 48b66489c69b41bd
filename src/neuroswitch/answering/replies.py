"""What a reply of an OpenAI-compatible endpoint must be: the one place where replies are read.

A request asks for one answer. A reply with another number of answers, without a text, with a count that cannot
be, or that ended for a reason other than its own end or the length limit is an error and never an answer.
"""

from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from neuroswitch.untrusted import parse_json

_Found = TypeVar("_Found", bound=BaseModel)


class _Part(BaseModel):
    """A part of a reply; fields that are not named here are not read."""

    model_config = ConfigDict(strict=True)


class _Message(_Part):
    role: Literal["assistant"] = "assistant"
    content: str


class _Choice(_Part):
    message: _Message | None = None
    text: str | None = None
    finish_reason: Literal["stop", "length"] | None = None

    @model_validator(mode="after")
    def _one_text(self) -> "_Choice":
        if (self.message is None) == (self.text is None):
            raise ValueError("expected a message, or the text that continues a prompt")
        return self


class _Usage(_Part):
    completion_tokens: Annotated[int, Field(ge=0)]


class _Completion(_Part):
    choices: Annotated[list[_Choice], Field(min_length=1, max_length=1)]
    usage: _Usage | None = None


class _Model(_Part):
    id: str


class _Models(_Part):
    data: list[_Model]


class Answer(NamedTuple):
    """The answer in a reply.

    Attributes:
        text: May be empty.
        finish: Why it ended; None where the server does not say.
        tokens: How many tokens it has; None where the server does not say.
    """

    text: str
    finish: Literal["stop", "length"] | None
    tokens: int | None


def answer_of(content: bytes) -> Answer:
    """Read the reply to a request for one answer.

    Raises:
        ValueError: It is no such reply; the message says what was found where.
    """
    reply = _read(_Completion, content)
    (choice,) = reply.choices
    text = choice.text if choice.message is None else choice.message.content
    if text is None:
        raise ValueError("no text")  # the schema lets none through
    return Answer(text, choice.finish_reason, None if reply.usage is None else reply.usage.completion_tokens)


def names_of(content: bytes) -> list[str]:
    """Read the names in a reply to a request for the models that there are.

    Raises:
        ValueError: It is no such reply.
    """
    return [one.id for one in _read(_Models, content).data]


def _read(kind: type[_Found], content: bytes) -> _Found:
    try:
        return kind.model_validate(parse_json(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the reply"
        raise ValueError(f"{where}: {first['msg']}, found {first['input']!r:.80}") from error
