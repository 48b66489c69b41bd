"""A strict reader of HTML: what is open where every piece of text stands."""

from collections import Counter
from html.parser import HTMLParser
from typing import NamedTuple

VOID = {"meta", "link", "br", "img", "input", "hr"}
Attributes = list[tuple[str, str | None]]


class Text(NamedTuple):
    """A piece of text and the elements around it, outermost first."""

    content: str
    inside: tuple[str, ...]


class Tree(HTMLParser):
    """Reads a page; fails on a tag that does not match.

    Attributes:
        texts: Every piece of text, entities resolved.
        tags: How often each element occurs.
        attributes: Every (element, name, value).
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[Text] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        """Open an element."""
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        """Note an element and its attributes."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Close an element: the one that was opened last."""
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes another element, near {self.getpos()}"

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(Text(data, tuple(self._open)))

    def text(self) -> str:
        """Return all that a reader can see, styles left out, white space collapsed."""
        seen = "".join(one.content for one in self.texts if "style" not in one.inside)
        return " ".join(seen.replace("\N{NARROW NO-BREAK SPACE}", " ").split())

    def values(self, name: str) -> list[str]:
        """Return the values of an attribute wherever it occurs."""
        return [value for _, key, value in self.attributes if key == name]
