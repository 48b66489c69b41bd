"""The same prompt twice: found whatever its case, punctuation, spacing or unicode form.

A prompt that discovery saw proves nothing when it is asked again; one with both labels
contradicts itself. Does not know files or splits: it compares prompts and names their places.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from neuroswitch.errors import BadPrompts
from neuroswitch.prompts.prompt import Prompt

Key = tuple[tuple[str, str], ...]

SHOWN = 5
_APOSTROPHES = re.compile(r"['`\u2018\u2019\u02bc]")


def normalised(text: str) -> str:
    """Reduce a text to what makes it the same prompt: its letters, digits and symbols.

    Case, compatibility forms (NFKC), apostrophes, punctuation, invisible characters and
    spacing vanish. A text of punctuation only is left as it is.

    Example:
        >>> normalised("  Don't  PANIC!") == normalised("dont panic")
        True
    """
    folded = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(_kept(character) for character in unicodedata.normalize("NFKC", folded))
    return " ".join(kept.split()) or text.strip()


def repeats(prompts: Iterable[Prompt]) -> list[tuple[Prompt, Prompt]]:
    """Return (first, again) for every prompt that was met before in `prompts`."""
    first: dict[Key, Prompt] = {}
    return [
        (met, prompt) for prompt in prompts if (met := first.setdefault(_key(prompt), prompt)) is not prompt
    ]


def overlap(known: Iterable[Prompt], new: Iterable[Prompt]) -> list[tuple[Prompt, Prompt]]:
    """Return (known, new) for every one of the `new` prompts that is among the `known` ones."""
    first = {_key(prompt): prompt for prompt in known}
    return [(first[_key(prompt)], prompt) for prompt in new if _key(prompt) in first]


def refuse_duplicates(pairs: Sequence[tuple[Prompt, Prompt]], headline: str, do: str) -> None:
    """Raise an error that names the places of the duplicates, if there are any.

    Raises:
        BadPrompts: `pairs` is not empty.
    """
    if not pairs:
        return
    shown = [f"{again.place} repeats {first.place}: {again.text[:60]!r}" for first, again in pairs[:SHOWN]]
    if len(pairs) > SHOWN:
        shown.append(f"and {len(pairs) - SHOWN} more")
    raise BadPrompts(
        headline,
        found="\n            ".join(shown),
        expected="every prompt once; case, punctuation, spaces and unicode forms make no difference",
        do=do,
    )


def _key(prompt: Prompt) -> Key:
    # System prompts and earlier turns count: the same question under another system prompt is another prompt.
    return tuple((message.role, normalised(message.content)) for message in prompt.messages)


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return character if category[0] in "LMNS" else " "
