"""Chat messages to token ids, by the tokenizer's own template, with exactly one BOS.

Ids come straight from the template, so no text is tokenized twice. A tokenizer without a template
belongs to a base model, which gets the plain text. Knows tokenizers; does not know models.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.options import ChatFormat as ChatFormat
from neuroswitch.prompts import Message, Prompt
from neuroswitch.templates import (
    Roles,
    control_tokens,
    has_template,
    render,
    require_whole,
    token_ids,
    wanted_parts,
    writes_chats_itself,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

THINKING_SWITCHES = ("enable_thinking", "thinking")
"""Names of the variables by which templates turn thinking on and off."""


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
        BadPrompts: The template rejects the messages, a text spells control tokens and `format` does not
            allow them, or the prompt has no tokens.
        Prerequisite: The template cannot express the system prompt or the thinking mode, or does not pass on
            every message whole and once.
    """
    encode_text = _templated if has_template(tokenizer) else _plain
    if not format.control_tokens:
        _refuse_control_tokens(tokenizer, prompt, format.system)
    ids = encode_text(tokenizer, prompt, format)
    if not ids:
        raise BadPrompts(
            f"{prompt.place}: no token to read",
            found=f"{prompt.text[:60]!r} encodes to nothing",
            do="remove the prompt, or check that the tokenizer belongs to the model",
        )
    return _with_one_bos(tokenizer, ids)


def read_token(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> ReadToken:
    """Return the token of an encoded prompt at which neurons are read: the last one."""
    return ReadToken(position=len(ids) - 1, id=ids[-1], text=_text(tokenizer, ids[-1]))


def describe(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, *, tail: int = 8) -> str:
    """List the last `tail` tokens of a prompt, one a line: position, id, text; the read one is marked."""
    ids = encode(tokenizer, prompt)
    shown = list(enumerate(ids))[-tail:]
    lines = [f"{position:>6} {token:>8}  {_text(tokenizer, token)!r}" for position, token in shown]
    return "\n".join(lines) + f"  <- read here, token {len(ids)} of {len(ids)}"


def shared_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Count the tokens with which all rows begin alike; 0 for no rows.

    Examples:
        >>> shared_prefix([[1, 2, 3], [1, 2, 4, 5]])
        2
    """
    columns = zip(*rows, strict=False)
    return next(
        (count for count, column in enumerate(columns) if len(set(column)) > 1),
        min(map(len, rows), default=0),
    )


def with_system(prompt: Prompt, system: str | None) -> tuple[Message, ...]:
    """Return the messages of a prompt, with a system prompt before them unless it is None.

    Raises:
        BadPrompts: The prompt has a system prompt already.
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


def _templated(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, format: ChatFormat) -> list[int]:
    messages, place = with_system(prompt, format.system), prompt.place
    roles = tuple(message.role for message in messages)
    parts = wanted_parts(tokenizer, roles, place=place)
    switch = {}
    if format.thinking is not None:
        switch[_thinking_switch(tokenizer, messages, parts)] = format.thinking
        parts = wanted_parts(tokenizer, roles, switch, place=place)
    text = render(tokenizer, messages, switch, parts=parts, place=place)
    require_whole(messages, text, place=place)
    return token_ids(tokenizer, messages, switch, parts=parts, place=place)


def _plain(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, format: ChatFormat) -> list[int]:
    needs = {
        "a system prompt": format.system is not None or prompt.messages[0].role == "system",
        "a thinking mode": format.thinking is not None,
        "a conversation of several turns": len(prompt.messages) > 1,
    }
    if found := [what for what, needed in needs.items() if needed]:
        raise Prerequisite(
            f"{found[0]} needs a chat template",
            found="a tokenizer without one, as base models have",
            do="leave it out, use the instruct model, or set tokenizer.chat_template",
        )
    return list(tokenizer.encode(prompt.text, add_special_tokens=False))


def _refuse_control_tokens(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, system: str | None) -> None:
    """Refuse texts of the user and the system that the tokenizer would read as tokens, not as text."""
    for message in with_system(prompt, system):
        # what the model said before may hold tokens of its own, such as <think>
        if message.role != "assistant" and (found := control_tokens(tokenizer, message.content)):
            raise BadPrompts(
                f"{prompt.place}: control tokens are written in the text of the {message.role}",
                found=", ".join(map(repr, found)) + ", which the model would get as tokens, not as text",
                do="take them out; if the model shall get them as tokens, pass --control-tokens "
                "(control_tokens=True in ChatFormat)",
            )


def _thinking_switch(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], parts: Roles) -> str:
    """Return the name of the template's switch, found by its effect: the names also occur in other places."""
    if not writes_chats_itself(tokenizer):
        for name in THINKING_SWITCHES:
            on, off = (render(tokenizer, messages, {name: mode}, parts=parts) for mode in (True, False))
            if on != off:
                return name
    raise Prerequisite(
        "the chat template has no thinking mode to turn on or off",
        found="the same text with and without " + " or ".join(THINKING_SWITCHES),
        do="leave the thinking option out",
    )


def _with_one_bos(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[int]:
    bos = tokenizer.bos_token_id
    if bos is None:
        return ids
    start = next((place for place, token in enumerate(ids) if token != bos), len(ids))
    # A model whose tokenizer adds BOS was trained with it, whether or not its template writes one.
    wanted = start > 0 or tokenizer.encode("a")[:1] == [bos]
    return [bos, *ids[start:]] if wanted else ids


def _text(tokenizer: "PreTrainedTokenizerBase", token: int) -> str:
    return str(tokenizer.decode([token]))
