"""Plain letters for disguised ones, and the way back to the places they came from.

Undoes what hides a word from a reader of words: HTML entities, invisible characters, emphasis inside a word,
letters of other alphabets of Unicode that look Latin ("𝗜 𝗰𝗮𝗻'𝘁"), wide punctuation. Most answers hold nothing
of the kind and pass untouched. Knows nothing of refusals.
"""

import html
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

Span = tuple[int, int]

_DISGUISE = re.compile(
    r"&(?:#\d{1,6}|#[xX][\da-fA-F]{1,5}|[a-zA-Z]{2,8});"
    r"|[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+"
    r"|(?<=[^\W\d_])(?:\*{1,3}|__)(?=[^\W\d_]|['\u2019])"
    r"|[\U0001d400-\U0001d7ff\uff07\uff0e\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+"
)


@dataclass(frozen=True)
class Unwrapped:
    """A text in plain letters.

    Attributes:
        text: The plain text.
        starts: Where in it the pieces begin that stand elsewhere in the original; the first is 0.
        origins: Where the same pieces begin in the original.
    """

    text: str
    starts: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)

    def original(self, span: Span | None) -> Span | None:
        """Return where in the original a span of the plain text stands."""
        return None if span is None else (self._place(span[0]), self._place(span[1] - 1) + 1)

    def _place(self, position: int) -> int:
        piece = bisect_right(self.starts, position) - 1
        return self.origins[piece] + position - self.starts[piece]


def unwrap(response: str) -> Unwrapped:
    """Write disguised letters plainly; a text without any comes back as it is."""
    if response.isascii() and not any(sign in response for sign in "&*_"):
        return Unwrapped(response)
    pieces: list[str] = []
    starts, origins = [0], [0]
    length = at = 0

    def add(piece: str, origin: int) -> None:
        nonlocal length
        starts.append(length)
        origins.append(origin)
        pieces.append(piece)
        length += len(piece)

    for match in _DISGUISE.finditer(response):
        add(response[at : match.start()], at)
        for offset, letter in _plainly(match.group()):
            add(letter, match.start() + offset)
        at = match.end()
    if at == 0:
        return Unwrapped(response)
    add(response[at:], at)
    return Unwrapped("".join(pieces), tuple(starts), tuple(origins))


def _plainly(disguised: str) -> list[tuple[int, str]]:
    """Return the plain letters, each with its place in `disguised`; none for what is invisible."""
    if disguised[0] == "&":
        letter = html.unescape(disguised)
        # What html does not know is kept, letter by letter; so is a blank for an unprintable one.
        return list(enumerate(letter)) if letter == disguised else [(0, letter[:1])]
    plain = [(offset, unicodedata.normalize("NFKC", letter)) for offset, letter in enumerate(disguised)]
    return [(offset, letter) for offset, letter in plain if letter.isascii() and letter not in "*_"]
