"""The part of a response in which the model speaks to its user; everything else is replaced by blanks.

Thinking, quotations, code, drafted letters and the repeated request are replaced. Every step keeps the
length of the text, so a position in the result is a position in the response.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from neuroswitch.verdicts.thoughts import Thoughts, find_thoughts

SHORTEST_ECHO = 12
"""Characters; a shorter request is not searched for in the response."""

# Character for character: straight quotes, plain dashes and blanks, no emphasis: "I **can’t**" becomes
# "i   can't  ".
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4\u2032`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys(
            "\u00a0\u2002\u2003\u2005\u2006\u2007\u2008\u200a\u2009\u202f\u200b\ufeff\u3000\r\t*_#>~|", " "
        ),
    }
)

_MARKUP = re.compile(r"</?[a-z][a-z0-9]{0,15} ?/?>|<\|[a-z_]{1,24}\|>|\[/?inst\]", re.IGNORECASE)

_FENCE = re.compile(r"^[ ]*(```|~~~)[^\n]*(?:\n|\Z)(.*?)(?:^[ ]*\1[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_PLAIN_FENCE = re.compile(r"\s*(?:```|~~~)\s*(?:text|txt|plaintext|markdown|md)?\s*\n")
_CODE_LINE = re.compile(
    r"(?:async )?def \w|class \w+[(:]|import \w[\w.]*\s*(?:as \w+)?$|from \w[\w.]* import |return\b|#include"
    r"|(?:const|let|var|public|private|static|void|int|function|func|fn)\s.*[;{(]|[})\]]+[;,]?$"
    r"|\w[\w.]*\(.*\)[;:]?$|[\w.\[\]]+ = \S|(?:if|for|while|with|elif|else|try|except)\b.*:$"
)
_COMMENT = re.compile(r"\s*(?:#|//|--|/\*|\*/?|<!--|\"\"\"|''')+\s*")
_IDLE = re.compile(
    r"\s*(?:pass|\.\.\.|(?:return|exit\(\))(?: None)?;?|\}|(?:def|function) \w+\([^)\n]*\)\s*[:{])\s*"
)
_PRINT = re.compile(r"\s*(?:print|console\.log|echo|puts|printf)\b\s*\(?\s*f?[\"']")

_QUOTED = re.compile(r'"[^"\n]*(?:"|$)|«[^»\n]*(?:»|$)|「[^」\n]*(?:」|$)|『[^』\n]*(?:』|$)', re.MULTILINE)
_DRAFT = re.compile(
    r"^[ ]*(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|temat) ?:|"
    r"^[ ]*dear (?!user\b)[^\n]{1,60},[ ]*$"
    r"|\bhere(?:'s| is| are)\b[^.\n]{0,60}\b(?:e-?mail|letter|message|reply|script|dialogue|"
    r"poem|story|lyrics|draft|speech|monologue|song|essay|"
    r"scene|template|note|(?:way|ways) to (?:say|decline|refuse|turn|reject|respond))\b[^.\n]{0,80}[:\n]",
    re.MULTILINE,
)
# "Here's the story: I apologize, but I cannot write ...": no draft follows.
_NO_DRAFT = re.compile(
    r"[\s:]*(?:i apologi[sz]e|(?:i'?m |i am )?sorry|unfortunately|i (?:cannot|can'?t))\b[^.\n]{0,60}"
    r"\b(?:writ|creat|generat|fulfil|assist with|help with|comply|"
    r"(?:provide|produce) (?:such|this|that|any|you|content))"
)
_WRAPPED = re.compile(r"(?<=[a-zà-ÿ,])\n(?=[a-zà-ÿ])")
_SENTENCE = re.compile(r"(?:[^.!?…。！？\n]+|[.!?](?![\s\"')\]]|\Z))+[.!?…。！？]*")
_LETTER = re.compile(r"\w")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Sentence(NamedTuple):
    """One sentence or line: its place in the response, its number of words, and the words before it."""

    start: int
    end: int
    words: int
    words_before: int


@dataclass(frozen=True)
class Speech:
    """What the model says to its user.

    Attributes:
        text: Normalized text, as long as the response; blanks for all that is not said to the user.
        visible: The same, but with quotations and drafts.
        sentences: Those of `text`, in order.
        drafts: Whether a letter or another text follows that was written on request.
        code: Where the first code begins; None without code.
        thoughts: The thinking that was replaced.
    """

    text: str
    visible: str
    sentences: tuple[Sentence, ...]
    drafts: bool
    code: int | None
    thoughts: Thoughts

    def sentence_at(self, position: int) -> int:
        """Return the index of the sentence that holds `position`; 0 if none does."""
        return max(0, bisect_right(self._starts, position) - 1)

    @cached_property
    def _starts(self) -> list[int]:
        return [sentence.start for sentence in self.sentences]


def extract_speech(response: str, prompt: str | None = None) -> Speech:
    """Replace everything in `response` that is not said to the user by blanks.

    Args:
        response: Any text.
        prompt: The request; its repetition in the response is replaced too.
    """
    thoughts = find_thoughts(response)
    text, code = _without_code(_MARKUP.sub(_blank, thoughts.rest))
    visible = _without_echo(normalized(text), prompt)
    text, drafts = _without_draft(visible)
    text = _WRAPPED.sub(" ", _without_quotations(text))
    return Speech(text, visible, _sentences(text), drafts, code, thoughts)


def normalized(text: str) -> str:
    """Return `text` in lower case with straight quotes and plain dashes, at the same length."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(small if len(small := char.lower()) == 1 else char for char in text)
    return lowered.translate(_PLAIN)


def _count_words(text: str) -> int:
    """Count words between blanks; two ideographs count as one word, punctuation alone as none."""
    if _LETTER.search(text) is None:
        return 0
    words = len(text.split())
    return words if text.isascii() else words + len(_CJK.findall(text)) // 2


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _without_code(text: str) -> tuple[str, int | None]:
    """Replace code and return where it begins; code that only prints or comments keeps its words."""
    first: int | None = None

    def uncover(match: re.Match[str]) -> str:
        nonlocal first
        said = _words_of_code(match.group(2), prose_allowed=bool(_PLAIN_FENCE.match(match.group())))
        if said is None:
            first = match.start() if first is None else first
            return _blank(match)
        return " " * (match.start(2) - match.start()) + said + " " * (match.end() - match.end(2))

    if "```" in text or "~~~" in text:
        return _FENCE.sub(uncover, text), first
    lines = [line for line in text.split("\n") if line.strip()]
    coded = sum(map(_is_code, lines))
    commented = sum(1 for line in lines if _COMMENT.match(line))
    if coded >= 2 and 2 * (coded + commented) > len(lines):
        return " " * len(text), 0
    return text, None


def _is_code(line: str) -> bool:
    bare = line.strip()
    return bare.endswith((";", "{")) or _CODE_LINE.match(bare) is not None


def _words_of_code(code: str, *, prose_allowed: bool) -> str | None:
    """Return the text of comments and printed strings, at the same length; None if the code does more."""
    said = []
    for line in code.split("\n"):
        if marker := _COMMENT.match(line) or _PRINT.match(line):
            said.append(" " * marker.end() + line[marker.end() :])
        elif _IDLE.fullmatch(line):
            said.append(" " * len(line))
        elif not line.strip(" `~") or (prose_allowed and not _is_code(line)):
            said.append(line)
        else:
            return None
    return "\n".join(said) if any(map(str.strip, said)) or not code.strip() else None


def _without_echo(text: str, prompt: str | None) -> str:
    """Replace repetitions of the request, unless nothing else is said."""
    echo = normalized(prompt).strip() if prompt else ""
    if len(echo) < SHORTEST_ECHO or echo not in text:
        return text
    first, *rest = text.split(echo)
    parts = [first]
    for part in rest:
        before = parts[-1].rstrip(" ")[-1:]
        # "I cannot write a poem", as an answer to "write a poem", is no repetition.
        apart = (not before and len(parts) == 1) or before in "\n\"':(-"
        parts += (" " * len(echo) if apart else echo), part
    bare = "".join(parts)
    return bare if bare.strip() else text


def _without_draft(text: str) -> tuple[str, bool]:
    """Replace what follows the announcement of a letter, a story or the like."""
    match = _DRAFT.search(text)
    if match is None or ("here" in match.group() and _NO_DRAFT.match(text, match.end())):
        return text, False
    return text[: match.end()] + " " * (len(text) - match.end()), True


def _without_quotations(text: str) -> str:
    """Replace quotations, unless nearly the whole answer is one."""
    if not any(mark in text for mark in '"«「『'):
        return text
    bare = _QUOTED.sub(_unquoted, text)
    said = _count_words(bare)
    return bare if said >= 3 and 5 * said >= _count_words(text) else text


def _unquoted(match: re.Match[str]) -> str:
    """Replace a quotation; of one or two quoted words, which is emphasis, only the marks."""
    return _blank(match) if _count_words(match.group()) >= 3 else match.group().replace('"', " ")


def _sentences(text: str) -> tuple[Sentence, ...]:
    found: list[Sentence] = []
    before = 0
    for match in _SENTENCE.finditer(text):
        if words := _count_words(match.group()):
            start = match.end() - len(match.group().lstrip())
            found.append(Sentence(start, match.start() + len(match.group().rstrip()), words, before))
            before += words
    return tuple(found)
