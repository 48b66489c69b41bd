"""The same prompt twice: found in spite of other case, punctuation, spacing or Unicode form.

A test prompt that discovery saw must not count as held out, and no prompt may have both labels.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from neuroswitch.errors import BadPrompts
from neuroswitch.prompts.prompt import Prompt
from neuroswitch.storage import digest

Key = tuple[tuple[str, str], ...]

SHOWN = 5
_APOSTROPHES = re.compile(r"['`\u2018\u2019\u02bc]")


def comparable(text: str) -> str:
    """Return the letters, digits and symbols of a text, without case, punctuation and compatibility forms.

    A text of punctuation only is returned as it is.

    Examples:
        >>> comparable("  Don't  PANIC!") == comparable("dont panic")
        True
    """
    folded = _APOSTROPHES.sub("", unicodedata.normalize("NFKC", text).casefold())
    kept = []
    for character in unicodedata.normalize("NFKC", folded):
        category = unicodedata.category(character)
        if category != "Cf":  # invisible
            kept.append(character if category[0] in "LMNS" else " ")
    return " ".join("".join(kept).split()) or text.strip()


def content_digest(prompt: Prompt) -> str:
    """Return 16 hexadecimal digits that are equal for prompts that `leaks` takes for the same one."""
    return digest(_key(prompt))[:16]


def repeats(prompts: Iterable[Prompt]) -> list[tuple[Prompt, Prompt]]:
    """Return (first, again) for every prompt that occurs before in `prompts`."""
    first: dict[Key, Prompt] = {}
    return [
        (met, prompt) for prompt in prompts if (met := first.setdefault(_key(prompt), prompt)) is not prompt
    ]


def leaks(known: Iterable[Prompt], new: Iterable[Prompt]) -> list[tuple[Prompt, Prompt]]:
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


def refuse_one_id(prompts: Iterable[Prompt]) -> None:
    """Refuse two prompts with one id: the answer to one would be taken for that of the other.

    Raises:
        BadPrompts: There are such prompts; the message names their places.
    """
    first: dict[str, Prompt] = {}
    for prompt in prompts:
        if first.setdefault(prompt.id, prompt) is not prompt:
            raise BadPrompts(
                f"{prompt.place}: two prompts have the id {prompt.id!r}",
                found=f"{first[prompt.id].text[:60]!r} ({first[prompt.id].place}) and {prompt.text[:60]!r}",
                do="remove one of them, or give them different ids",
            )


def _key(prompt: Prompt) -> Key:
    # The same question after another system prompt or earlier turn is another prompt.
    return tuple((message.role, comparable(message.content)) for message in prompt.messages)
