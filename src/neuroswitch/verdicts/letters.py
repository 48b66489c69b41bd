"""Disguised letters -> plain letters, and positions in the plain text -> positions in the original.

Replaces what hides a word from a reader of words: HTML entities, invisible characters, emphasis inside a
word, Unicode letters that look Latin ("𝗜 𝗰𝗮𝗻'𝘁"), wide punctuation.
"""

import html
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

Span = tuple[int, int]

_DISGUISE = re.compile(
    r"&(?:#\d{1,6}|#[xX][\da-fA-F]{1,5}|[a-zA-Z]{2,8});"
    r"|[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+"
    r"|(?<=[^\W\d_])(?:\*{1,3}|__)(?=[^\W\d_]|['\u2019])"
    r"|[\U0001d400-\U0001d7ff\uff07\uff0e\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+"
)


@dataclass(frozen=True)
class PlainLetters:
    """A text in plain letters.

    Attributes:
        text: The plain text.
        starts: Where pieces begin in it that stand elsewhere in the original; the first is 0.
        origins: Where the same pieces begin in the original.
    """

    text: str
    starts: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)

    def original(self, span: Span | None) -> Span | None:
        """Return where a span of the plain text stands in the original."""
        return None if span is None else (self._place(span[0]), self._place(span[1] - 1) + 1)

    def _place(self, position: int) -> int:
        piece = bisect_right(self.starts, position) - 1
        return self.origins[piece] + position - self.starts[piece]


def plain_letters(response: str) -> PlainLetters:
    """Replace disguised letters by plain ones; a text without any is returned as it is."""
    if response.isascii() and not any(sign in response for sign in "&*_"):
        return PlainLetters(response)
    pieces: list[tuple[int, str]] = []  # (place in the original, plain text)
    end = 0
    for match in _DISGUISE.finditer(response):
        pieces.append((end, response[end : match.start()]))
        pieces += [(match.start() + offset, letter) for offset, letter in _letters(match.group())]
        end = match.end()
    if not pieces:
        return PlainLetters(response)
    pieces.append((end, response[end:]))
    origins, texts = zip(*pieces, strict=True)
    return PlainLetters("".join(texts), tuple(accumulate(map(len, texts[:-1]), initial=0)), origins)


def _letters(disguised: str) -> list[tuple[int, str]]:
    """Return the plain letters, each with its place in `disguised`; none for invisible characters."""
    if disguised[0] == "&":
        letter = html.unescape(disguised)
        # An entity that html does not know is kept, letter by letter.
        return list(enumerate(letter)) if letter == disguised else [(0, letter[:1])]
    plain = [(offset, unicodedata.normalize("NFKC", letter)) for offset, letter in enumerate(disguised)]
    return [(offset, letter) for offset, letter in plain if letter.isascii() and letter not in "*_"]
