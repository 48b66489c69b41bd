"""Chat messages -> token ids: the tokenizer's own template, and exactly one BOS.

The template decides, never the model's name. Ids come straight from the template, so no text is
tokenized twice and no BOS is doubled. A tokenizer without a template belongs to a base model: it
gets the raw text. Knows tokenizers; does not know models.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import TemplateError

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.options import ChatFormat as ChatFormat
from neuroswitch.prompts import Message, Prompt
from neuroswitch.storage import digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Names under which templates let the caller turn thinking on and off.
THINKING_SWITCHES = ("enable_thinking", "thinking")


class ReadToken(NamedTuple):
    """The token at which neurons are read: its position from 0, its id, its text."""

    position: int
    id: int
    text: str


def encode(
    tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, format: ChatFormat = ChatFormat()
) -> list[int]:
    """Encode a prompt up to where the model's answer begins.

    Returns:
        Token ids. They begin with one BOS if the template writes one or the tokenizer adds one
        to plain text, else with none.

    Raises:
        BadPrompts: The template rejects the messages, or nothing is left to read.
        Prerequisite: The template cannot express the system prompt or the thinking mode.
    """
    ids = (
        _templated(tokenizer, prompt, format) if tokenizer.chat_template else _raw(tokenizer, prompt, format)
    )
    if not ids:
        raise BadPrompts(
            f"{prompt.place}: no token to read",
            found=f"{prompt.text[:60]!r} encodes to nothing",
            do="remove the prompt, or check that the tokenizer belongs to the model",
        )
    return _with_one_bos(tokenizer, ids)


def read_token(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> ReadToken:
    """Say which token of an encoded prompt is read: the last one."""
    return ReadToken(position=len(ids) - 1, id=ids[-1], text=_text(tokenizer, ids[-1]))


def describe(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: Prompt,
    format: ChatFormat = ChatFormat(),
    *,
    tail: int = 8,
) -> str:
    """List the last `tail` tokens of a prompt, one a line: position, id, text; the read one is marked."""
    ids = encode(tokenizer, prompt, format)
    last = len(ids) - 1
    lines = [
        f"{position:>6} {ids[position]:>8}  {_text(tokenizer, ids[position])!r}"
        for position in range(max(0, len(ids) - tail), len(ids))
    ]
    return "\n".join([*lines[:-1], f"{lines[-1]}  <- read here, token {last + 1} of {last + 1}"])


def shared_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Count the tokens with which all rows begin alike; 0 for no rows.

    Example:
        >>> shared_prefix([[1, 2, 3], [1, 2, 4, 5]])
        2
    """
    columns = zip(*rows, strict=False)
    return next(
        (count for count, column in enumerate(columns) if len(set(column)) > 1),
        min(map(len, rows), default=0),
    )


def template_digest(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return the sha256 of the chat template, or of its absence."""
    return digest(tokenizer.chat_template)


def _templated(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, format: ChatFormat) -> list[int]:
    messages = with_system(prompt, format.system)
    switch = {} if format.thinking is None else _thinking_switch(tokenizer, prompt, messages, format.thinking)
    text = _render(tokenizer, prompt, messages, switch)
    _require_system(prompt, messages, text)
    ids: list[int] = _apply(tokenizer, messages, switch, tokenize=True)
    return ids


def _raw(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, format: ChatFormat) -> list[int]:
    asked = {
        "a system prompt": format.system is not None or prompt.messages[0].role == "system",
        "a thinking mode": format.thinking is not None,
        "a conversation of several turns": len(prompt.messages) > 1,
    }
    if needs := [what for what, is_asked in asked.items() if is_asked]:
        raise Prerequisite(
            f"{needs[0]} needs a chat template",
            found="a tokenizer without one, as base models have",
            do="leave it out, use the instruct model, or set tokenizer.chat_template",
        )
    return list(tokenizer.encode(prompt.text, add_special_tokens=False))


def with_system(prompt: Prompt, system: str | None) -> tuple[Message, ...]:
    """Return the messages of a prompt, with a system prompt before them if there is one.

    Raises:
        BadPrompts: The prompt has one already.
    """
    if system is None:
        return prompt.messages
    if prompt.messages[0].role == "system":
        raise BadPrompts(
            f"{prompt.place}: two system prompts",
            found=f"{prompt.messages[0].content[:60]!r} in the prompt, {system[:60]!r} in the options",
            do="leave out one of the two",
        )
    return (Message("system", system), *prompt.messages)


def _require_system(prompt: Prompt, messages: Sequence[Message], text: str) -> None:
    if messages[0].role == "system" and messages[0].content.strip() not in text:
        raise Prerequisite(
            "the chat template drops the system prompt",
            found=f"{prompt.place} renders without {messages[0].content[:60]!r}",
            do="leave the system prompt out, or put it at the beginning of the user's text",
        )


def _thinking_switch(
    tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, messages: Sequence[Message], thinking: bool
) -> dict[str, bool]:
    """Find the template's switch by its effect: names alone also occur in templates' texts."""
    for name in THINKING_SWITCHES:
        on, off = (_render(tokenizer, prompt, messages, {name: value}) for value in (True, False))
        if on != off:
            return {name: thinking}
    raise Prerequisite(
        "the chat template has no thinking mode to turn on or off",
        found="the same text with and without " + " or ".join(THINKING_SWITCHES),
        do="leave the thinking option out",
    )


def _render(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: Prompt,
    messages: Sequence[Message],
    switch: dict[str, bool],
) -> str:
    try:
        return str(_apply(tokenizer, messages, switch, tokenize=False))
    except TemplateError as error:
        has_system = messages[0].role == "system"
        kind = Prerequisite if has_system else BadPrompts
        raise kind(
            f"{prompt.place}: the chat template rejects the messages",
            found=f"{error} (roles: {', '.join(message.role for message in messages)})",
            do="leave the system prompt out" if has_system else "arrange the roles as the model expects them",
        ) from error


def _apply(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    switch: dict[str, bool],
    *,
    tokenize: bool,
) -> Any:
    # Without return_dict=False transformers 5 wraps the ids in a BatchEncoding.
    options: dict[str, Any] = {"add_generation_prompt": True, "return_dict": False, **switch}
    turns = [message._asdict() for message in messages]
    return tokenizer.apply_chat_template(turns, tokenize=tokenize, **options)


def _with_one_bos(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[int]:
    bos = tokenizer.bos_token_id
    if bos is None:
        return ids
    start = next((place for place, token in enumerate(ids) if token != bos), len(ids))
    # A model whose tokenizer adds BOS was trained with it, whether or not its template remembers to.
    wanted = start > 0 or tokenizer.encode("a")[:1] == [bos]
    return [bos, *ids[start:]] if wanted else ids


def _text(tokenizer: "PreTrainedTokenizerBase", token: int) -> str:
    return str(tokenizer.decode([token]))
