"""What a tokenizer and its chat template say about an answer: where thoughts begin and end, what ends a turn.

Marks that are tokens of their own vanish when an answer is decoded, so thoughts are cut by token ids. Which
tokens they are is read off the names of the added tokens and off an assistant message that the template
renders. Knows tokenizers; does not know models.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from neuroswitch.prompts import Message
from neuroswitch.templates import render_finished
from neuroswitch.verdicts import leading_thoughts, opening_mark

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OPENED_WITHIN = 8
"""Tokens at the end of a prompt in which a template may open a thought."""

SHORTEST_HEADER = 4
"""Characters; a shorter beginning of a turn, such as a dash, is not taken for one."""

_QUESTION, _THOUGHT, _REPLY, _NEXT = (
    "Name three rivers.",
    "Twelve apples.",
    "Rhine, Nile, Volga.",
    "Which one is long?",
)
_THOUGHT_KEYS = ("reasoning_content", "reasoning", "thinking", "thought")
_OPENS = re.compile(r"(?<![a-z/])(?:think|thinking|thought|reasoning|reflection)(?![a-z])", re.IGNORECASE)
_BRACKET = re.compile(r"^[<\[◁|]+")
_BEGINS = re.compile("start|begin", re.IGNORECASE)
# Pairs whose names do not say what they are: MedGemma, Gemma 4, Apertus.
_PAIRS = {"<unused94>": "<unused95>", "<|channel>": "<channel|>", "<|inner_prefix|>": "<|inner_suffix|>"}
_CHANNEL, _MESSAGE, _START, _END = "<|channel|>", "<|message|>", "<|start|>", "<|end|>"


@dataclass(frozen=True)
class Marks:
    """The tokens around thoughts.

    Attributes:
        pairs: Token that opens a thought -> token that closes it.
        channels: The tokens of messages with a channel (GPT-OSS), by their texts; empty for other models. All
            but the channel `final` is thought.
        others: The other added tokens, such as those around the turns of a conversation.
    """

    pairs: Mapping[int, int]
    channels: Mapping[str, int]
    others: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Spoken:
    """A decoded answer.

    Attributes:
        text: What is said to the user, without special tokens.
        thought: What was thought before, without special tokens; empty without thoughts.
        unfinished: Whether the tokens end within a thought.
    """

    text: str
    thought: str
    unfinished: bool


def marks_of(tokenizer: "PreTrainedTokenizerBase") -> Marks:
    """Read the tokens around thoughts off a tokenizer and its template; nothing is found for most models."""
    added = _added(tokenizer)
    pairs = {added[name]: added[close] for name in added if (close := _closing(name, added))}
    channels = {name: added[name] for name in (_CHANNEL, _MESSAGE, _START, _END) if name in added}
    if not {_CHANNEL, _MESSAGE} <= channels.keys():
        channels = {}
        pairs.update(_rendered_pair(tokenizer, added))
    around = {*pairs, *pairs.values(), *channels.values()}
    return Marks(pairs, channels, frozenset(added.values()) - around)


def spoken(
    tokenizer: "PreTrainedTokenizerBase", marks: Marks, tokens: Sequence[int], prompt: Sequence[int] = ()
) -> Spoken:
    """Decode an answer, with its thoughts cut out by token ids, and by their texts where they are no tokens.

    Args:
        tokenizer: Whose tokens they are.
        marks: What `marks_of` found for it.
        tokens: The answer.
        prompt: The tokens before it: a template may have opened a thought there.
    """
    decode = partial(tokenizer.decode, skip_special_tokens=True)
    if marks.channels:
        said, thought, unfinished = _by_channel(tokenizer, marks.channels, tokens)
    else:
        said, thought, unfinished = _by_pairs(marks.pairs, tokens, _opened(marks, prompt))
    text = str(decode(said))
    if marks.pairs or marks.channels:
        thinks = bool(thought) or unfinished
        return Spoken(text.strip() if thinks else text, str(decode(thought)).strip(), unfinished)
    known = leading_thoughts(_opening_text(tokenizer, prompt) + text)
    return Spoken(known.answer, known.thought.strip(), known.unfinished)


def turn_end(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """Return the token that closes an assistant's turn in the template; None if none is to be seen.

    The last turn of a conversation is looked at, and one in the middle if the template leaves the last open.
    """
    added, others = set(_added(tokenizer).values()), marks_of(tokenizer).others
    for rest in _after_reply(tokenizer):
        for token in tokenizer.encode(rest, add_special_tokens=False):
            if token in added:
                # The end of a message with a channel may be followed by the answer.
                return int(token) if token in others else None
    return None


def next_turn(tokenizer: "PreTrainedTokenizerBase") -> str | None:
    """Return the line with which the template begins a user's next turn, where no token closes the turn before.

    Such a model goes on with "User:" and speaks for the user.
    """
    if turn_end(tokenizer) is not None:
        return None
    *_, header = (rest.strip() for rest in ("", *_after_reply(tokenizer)))
    return header if len(header) >= SHORTEST_HEADER and "\n" not in header else None


def _after_reply(tokenizer: "PreTrainedTokenizerBase") -> Iterator[str]:
    """Yield what the template writes behind an assistant's reply: at the end, and before the next question."""
    chat = [Message("user", _QUESTION), Message("assistant", _REPLY), Message("user", _NEXT)]
    for messages in (chat[:2], chat):
        if text := render_finished(tokenizer, messages):
            yield text.rpartition(_REPLY)[2].partition(_NEXT)[0]


def _added(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    """Return the tokens that are no pieces of words, by their texts."""
    special = zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True)
    added = {**tokenizer.get_added_vocab(), **{str(text): int(token) for text, token in special}}
    # An unknown word is no mark of anything.
    return {text: token for text, token in added.items() if token != tokenizer.unk_token_id}


def _closing(name: str, added: Mapping[str, int]) -> str | None:
    """Return the token that closes what an added token opens; None if it opens no thought."""
    if name in _PAIRS:
        return _PAIRS[name] if _PAIRS[name] in added else None
    if len(name) > 40 or _OPENS.search(name.replace("_", " ")) is None:
        return None
    bracket = _BRACKET.match(name)
    cut = bracket.end() if bracket else 0
    candidates = [f"{name[:at]}/{name[at:]}" for at in range(1, cut + 1)]
    candidates += [_BEGINS.sub(end, name) for end in ("END", "end") if _BEGINS.search(name)]
    return next((one for one in candidates if one in added), None)


def _rendered_pair(tokenizer: "PreTrainedTokenizerBase", added: Mapping[str, int]) -> dict[int, int]:
    """Find the added tokens that the template writes around an assistant's thought."""
    chat = [Message("user", _QUESTION), Message("assistant", _REPLY)]
    turns = tokenizer.encode(render_finished(tokenizer, chat[:1]) or "", add_special_tokens=False)
    marks = {*added.values()} - {*turns}
    text = render_finished(tokenizer, chat, dict.fromkeys(_THOUGHT_KEYS, _THOUGHT)) or ""
    before, thought, after = text.rpartition(_THOUGHT)
    between, answer, _ = after.partition(_REPLY)
    if not thought or not answer:
        return {}
    opening, closing = (
        [token for token in tokenizer.encode(part, add_special_tokens=False) if token in marks]
        for part in (before.rpartition(_QUESTION)[2], between)
    )
    return {opening[-1]: closing[0]} if opening and closing else {}


def _opened(marks: Marks, prompt: Sequence[int]) -> int | None:
    """Return the token that closes the thought in which a prompt ends; None if it ends in none."""
    for token in reversed(prompt[-OPENED_WITHIN:]):
        if token in marks.pairs:
            return marks.pairs[token]
        if token in marks.others or token in marks.pairs.values():
            return None
    return None


def _opening_text(tokenizer: "PreTrainedTokenizerBase", prompt: Sequence[int]) -> str:
    """Return the mark with which a template opens a thought, where it is no token of its own."""
    return opening_mark(str(tokenizer.decode(list(prompt[-OPENED_WITHIN:])))) if prompt else ""


def _by_pairs(
    pairs: Mapping[int, int], tokens: Sequence[int], closes: int | None
) -> tuple[list[int], list[int], bool]:
    """Divide tokens into what is said and what is thought; `closes` ends the thought that is open."""
    said: list[int] = []
    thought: list[int] = []
    for token in tokens:
        if closes is None and token in pairs:
            closes = pairs[token]
        elif closes is not None and token == closes:
            closes = None
        elif closes is None and token in pairs.values():
            # Only its end is there: all before it was thought.
            thought, said = [*thought, *said], []
        else:
            (said if closes is None else thought).append(token)
    return said, thought, closes is not None


def _by_channel(
    tokenizer: Any, channels: Mapping[str, int], tokens: Sequence[int]
) -> tuple[list[int], list[int], bool]:
    """Divide messages with a channel: the channel `final` is said, every other one thought."""
    said: list[int] = []
    thought: list[int] = []
    header: list[int] | None = None
    named, final = False, True  # whether the message names its channel; whether it is said
    for token in tokens:
        if token in (channels[_CHANNEL], channels.get(_START)):
            header, named, final = [], token == channels[_CHANNEL], False
        elif token == channels[_MESSAGE]:
            final = not named or str(tokenizer.decode(header or [])).strip().startswith("final")
            header = None
        elif header is not None:
            header.append(token)
        elif token != channels.get(_END):
            (said if final else thought).append(token)
    return said, thought, not final
