"""What a chat template makes of messages, and the proof that every message arrives in it whole and once.

A template is a program that came with a model: it may want the text of a message as a list of parts, cut it,
change it, write it twice, or fail in any way. The proof puts two different texts through it before anything
runs. Knows tokenizers and messages; does not know models or options.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from neuroswitch.errors import BadPrompts, NeuroswitchError, Prerequisite
from neuroswitch.prompts import Message
from neuroswitch.storage import digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Roles = frozenset[str]
"""The roles whose messages are given to a template as a list of parts; the others are given as text."""

Switch = Mapping[str, bool]
"""Variables of a template, such as `enable_thinking`."""

REPAIR = (
    "put a working template into chat_template.jinja in the model's folder, or use another copy of the model"
)

_SENTENCE = 'Why do Tides turn, and WHEN? 7.5 % of "it" isn\'t known;\n  see line two: <Ärger> & more.'
_proven: "WeakKeyDictionary[PreTrainedTokenizerBase, dict[object, Roles]]" = WeakKeyDictionary()
_control: "WeakKeyDictionary[PreTrainedTokenizerBase, dict[object, tuple[str, ...]]]" = WeakKeyDictionary()


def template_source(tokenizer: "PreTrainedTokenizerBase") -> str | None:
    """Return the template that chats are written with; None where there is none, or one that is no text.

    Raises:
        Prerequisite: There are several, and none is the default.
    """
    found = tokenizer.chat_template
    if not isinstance(found, dict):
        return found or None
    if isinstance(found.get("default"), str):
        return str(found["default"])
    raise Prerequisite(
        "the tokenizer has several chat templates, and none is the default",
        found="templates called " + ", ".join(map(repr, found)),
        expected="one template, or one that is called 'default'",
        do="write the right one to chat_template.jinja in the model's folder, or set tokenizer.chat_template",
    )


def has_template(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Say whether chats have a form of their own; base models read plain text.

    Raises:
        Prerequisite: As `template_source`.
    """
    return template_source(tokenizer) is not None or writes_chats_itself(tokenizer)


def writes_chats_itself(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Say whether the tokenizer writes chats by code of its own, without a template, as mistral-common does."""
    from transformers import PreTrainedTokenizerBase as Base

    own = type(tokenizer).apply_chat_template is not Base.apply_chat_template
    return own and not tokenizer.chat_template


def template_digest(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return the sha256 of the chat template, or of its absence.

    Of a tokenizer that writes chats by code of its own it is the sha256 of what it makes of a chat.
    """
    if writes_chats_itself(tokenizer):
        return digest(token_ids(tokenizer, [Message("user", _probe(0, 1))]))
    return digest(tokenizer.chat_template)


def render(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    switch: Switch | None = None,
    *,
    parts: Roles = frozenset(),
    place: str = "a chat",
) -> str:
    """Return the text that the template makes of messages, up to where the answer begins.

    Of a tokenizer that writes chats by code of its own it is the text without special tokens.

    Args:
        tokenizer: Whose template.
        messages: The chat.
        switch: Variables of the template.
        parts: Roles whose messages are given as parts; `wanted_parts` finds them.
        place: Where the chat was read, for error messages.

    Raises:
        BadPrompts: The template rejects the messages.
        Prerequisite: It rejects a system prompt, or fails on the plainest chat.
    """
    given = _given(messages, parts)
    if writes_chats_itself(tokenizer):
        # such tokenizers spell special tokens and spaces in ways of their own; without them the text is exact
        ids = _applied(tokenizer, given, switch, place, tokenize=True)
        return str(tokenizer.decode(ids, skip_special_tokens=True))
    return str(_applied(tokenizer, given, switch, place, tokenize=False))


def render_finished(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], fields: Mapping[str, str] | None = None
) -> str | None:
    """Return the text of a conversation that is over: no answer is begun behind it.

    Args:
        tokenizer: Whose template.
        messages: The conversation.
        fields: Further fields of the last message, such as `reasoning_content`.

    Returns:
        The text; None where there is no template, or it rejects or does not pass on these messages.
    """
    try:
        if template_source(tokenizer) is None:
            return None
        users = wanted_parts(tokenizer)
        for parts in (users, users | {"assistant"}):
            given = _given(messages, parts)
            given[-1] |= fields or {}
            text = str(_applied(tokenizer, given, None, "a chat", tokenize=False, begin_answer=False))
            if all(message.content in text for message in messages):
                return text
    except NeuroswitchError:
        return None  # a prompt that the template rejects is refused where it is encoded
    return None


def token_ids(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    switch: Switch | None = None,
    *,
    parts: Roles = frozenset(),
    place: str = "a chat",
) -> list[int]:
    """Return the token ids of what `render` returns; arguments and errors are the same."""
    return list(_applied(tokenizer, _given(messages, parts), switch, place, tokenize=True))


def wanted_parts(
    tokenizer: "PreTrainedTokenizerBase",
    roles: Sequence[str] = ("user",),
    switch: Switch | None = None,
    *,
    place: str = "a chat",
) -> Roles:
    """Prove on two texts that what each message says arrives whole and once; return who speaks in parts.

    As few roles as possible do. The result is kept with the tokenizer until its template changes.

    Args:
        tokenizer: Whose template.
        roles: The roles of the messages of a chat, in order.
        switch: Variables of the template.
        place: Where the chat was read, for error messages.

    Raises:
        BadPrompts: The template rejects these roles.
        Prerequisite: It does not pass on what a message says, whether as text or in parts.
    """
    key = (template_source(tokenizer), tuple(roles), tuple(sorted((switch or {}).items())))
    proven = _proven.setdefault(tokenizer, {})
    if key not in proven:
        flaws: list[NeuroswitchError] = []
        for parts in _subsets(set(roles)):
            try:
                _prove(tokenizer, roles, switch, parts, place)
            except NeuroswitchError as flaw:
                flaws.append(flaw)
            else:
                proven[key] = parts
                break
        else:
            raise flaws[0]
    return proven[key]


def require_whole(messages: Sequence[Message], text: str, *, place: str) -> None:
    """Check that a rendered chat holds what the user and the system say, except white space around it.

    What the assistant said before is proven by `wanted_parts` only: templates leave old thoughts out.

    Raises:
        Prerequisite: It does not.
    """
    for message in messages:
        if message.role != "assistant" and message.content.strip() not in text:
            raise _lost(message, text, place)


def control_tokens(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[str]:
    """Return the control tokens that a text spells, and that the tokenizer would read as tokens.

    A control token is a special one, or one that the template writes, such as `<think>`.
    """
    pattern = _one_of(_control_tokens(tokenizer))
    if not pattern.search(text):
        return []
    read = set(tokenizer.encode(text, add_special_tokens=False))
    spelled = {match.group().casefold() for match in pattern.finditer(text)}
    names = [name for name in _control_tokens(tokenizer) if name.casefold() in spelled]
    return [name for name in names if tokenizer.convert_tokens_to_ids(name) in read]


def _control_tokens(tokenizer: "PreTrainedTokenizerBase") -> tuple[str, ...]:
    if writes_chats_itself(tokenizer):
        return ()  # the text of a message is never read as control tokens there
    source = template_source(tokenizer) or ""
    kept, key = _control.setdefault(tokenizer, {}), (source, len(tokenizer))
    if key not in kept:
        kept[key] = tuple(
            token.content
            for token in tokenizer.added_tokens_decoder.values()
            if token.special or (token.content in source and re.search(r"[^\w\s]", token.content))
        )
    return kept[key]


@lru_cache(maxsize=8)
def _one_of(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)", re.IGNORECASE)


def _subsets(roles: Collection[str]) -> Iterator[Roles]:
    """Yield every set of these roles, small ones first: text is what transformers gives to a template."""
    for size in range(len(roles) + 1):
        yield from map(frozenset, combinations(sorted(roles), size))


def _probe(number: int, repeats: int) -> str:
    """Return a text that occurs nowhere else, for the message of a number; its length grows with `repeats`."""
    body = " ".join(f"{turn} {_SENTENCE}" for turn in range(repeats))
    return f"Qz{number}k{repeats} {body} k{number}Zq"


def _prove(
    tokenizer: "PreTrainedTokenizerBase",
    roles: Sequence[str],
    switch: Switch | None,
    parts: Roles,
    place: str,
) -> None:
    for repeats in (1, 40):
        messages = [Message(role, _probe(number, repeats)) for number, role in enumerate(roles)]
        text = render(tokenizer, messages, switch, parts=parts, place=place)
        for message in messages:
            times = text.count(message.content)
            if not times:
                raise _lost(message, text, place)
            if times > 1:
                raise Prerequisite(
                    f"the chat template repeats what the {message.role} says",
                    found=f"{times} times the same text",
                    expected="every message whole and once",
                    do=REPAIR,
                )


def _lost(message: Message, text: str, place: str) -> Prerequisite:
    """Say in which way a message did not arrive."""
    said = message.content.strip()
    if said.casefold() in text.casefold():
        how = "in another case"
    elif said[:40] in text:
        how = f"only its beginning, {said[:40]!r}"
    elif message.role == "system":
        return Prerequisite(
            "the chat template drops the system prompt",
            found=f"{place} renders without {said[:60]!r}",
            do="leave the system prompt out, or put it at the beginning of the user's text",
        )
    else:
        how = "nothing of it, or another text"
    return Prerequisite(
        f"the chat template does not pass on what the {message.role} says",
        found=f"{place}: of {said[:60]!r} arrives {how}",
        expected="every message whole and once",
        do=REPAIR,
    )


def _given(messages: Sequence[Message], parts: Roles) -> list[dict[str, Any]]:
    return [
        {
            "role": role,
            "content": [{"type": "text", "text": content}] if role in parts else content,
        }
        for role, content in messages
    ]


def _applied(
    tokenizer: "PreTrainedTokenizerBase",
    messages: list[dict[str, Any]],
    switch: Switch | None,
    place: str,
    *,
    tokenize: bool,
    begin_answer: bool = True,
) -> Any:
    template_source(tokenizer)
    try:
        return tokenizer.apply_chat_template(
            messages,
            tokenize=tokenize,
            add_generation_prompt=begin_answer,
            return_dict=False,  # otherwise transformers 5 wraps the ids in a BatchEncoding
            **(switch or {}),  # type: ignore[arg-type]
        )
    except Exception as error:  # noqa: BLE001  a template is a program of strangers: it can fail in any way
        roles = [message["role"] for message in messages]
        kind: type[NeuroswitchError] = Prerequisite if "system" in roles else BadPrompts
        if "system" in roles:
            do = "leave the system prompt out"
        elif len(roles) > 1:
            do = "arrange the roles as the model expects them"
        else:
            do = f"change the text; if every text is rejected, {REPAIR}"
        raise kind(
            f"{place}: the chat template rejects the messages",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:200]} (roles: {', '.join(roles)})",
            do=do,
        ) from error
