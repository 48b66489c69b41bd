"""Chat messages to token ids, by the tokenizer's own template, with exactly one BOS.

Ids come straight from the template, so no text is tokenized twice. A tokenizer without a template
belongs to a base model, which gets the plain text. Knows tokenizers; does not know models.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from jinja2 import TemplateError

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.options import ChatFormat as ChatFormat
from neuroswitch.prompts import Message, Prompt
from neuroswitch.storage import digest

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
        BadPrompts: The template rejects the messages, or the prompt has no tokens.
        Prerequisite: The template cannot express the system prompt or the thinking mode.
    """
    encode_text = _templated if tokenizer.chat_template else _plain
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


def template_digest(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return the sha256 of the chat template, or of its absence."""
    return digest(tokenizer.chat_template)


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
    asked = Prompt(with_system(prompt, format.system), source=prompt.place)
    switch = {} if format.thinking is None else {_thinking_switch(tokenizer, asked): format.thinking}
    first, text = asked.messages[0], _render(tokenizer, asked, switch)
    if first.role == "system" and first.content.strip() not in text:
        raise Prerequisite(
            "the chat template drops the system prompt",
            found=f"{prompt.place} renders without {first.content[:60]!r}",
            do="leave the system prompt out, or put it at the beginning of the user's text",
        )
    return cast(list[int], _apply_template(tokenizer, asked, switch, tokenize=True))


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


def _thinking_switch(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt) -> str:
    """Return the name of the template's switch, found by its effect: the names also occur in other places."""
    for name in THINKING_SWITCHES:
        if _render(tokenizer, prompt, {name: True}) != _render(tokenizer, prompt, {name: False}):
            return name
    raise Prerequisite(
        "the chat template has no thinking mode to turn on or off",
        found="the same text with and without " + " or ".join(THINKING_SWITCHES),
        do="leave the thinking option out",
    )


def _render(tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, switch: Mapping[str, bool]) -> str:
    try:
        return str(_apply_template(tokenizer, prompt, switch, tokenize=False))
    except TemplateError as error:
        has_system = prompt.messages[0].role == "system"
        kind = Prerequisite if has_system else BadPrompts
        raise kind(
            f"{prompt.place}: the chat template rejects the messages",
            found=f"{error} (roles: {', '.join(message.role for message in prompt.messages)})",
            do="leave the system prompt out" if has_system else "arrange the roles as the model expects them",
        ) from error


def _apply_template(
    tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, switch: Mapping[str, bool], *, tokenize: bool
) -> object:
    return tokenizer.apply_chat_template(
        [message._asdict() for message in prompt.messages],
        tokenize=tokenize,
        add_generation_prompt=True,
        return_dict=False,  # otherwise transformers 5 wraps the ids in a BatchEncoding
        **switch,  # type: ignore[arg-type]
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
