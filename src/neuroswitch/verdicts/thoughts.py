"""The thoughts in a text that still has its marks: which characters they are, and what is left without them.

Knows the marks that models write as text. Where they are tokens of their own, `answering.turns` cuts by
tokens, before decoding drops them.
"""

import re
from dataclasses import dataclass

TAGS = "think|thinking|thought|reasoning|reflection|seed:think|begin_of_thought"
"""What stands between the brackets of an opening mark."""

_BLOCK = re.compile(
    rf"<(?P<tag>{TAGS})>.*?(?P<end></(?P=tag)>|\Z)"
    r"|\[think\].*?(?P<end2>\[/think\]|\Z)"
    r"|◁think▷.*?(?P<end3>◁/think▷|\Z)"
    r"|<\|start_thinking\|>.*?(?P<end4><\|end_thinking\|>|\Z)"
    r"|<\|begin_of_thought\|>.*?(?P<end5><\|end_of_thought\|>|\Z)"
    r"|<\|inner_prefix\|>.*?(?P<end6><\|inner_suffix\|>|\Z)"
    r"|<unused94>thought\b.*?(?P<end7><unused95>|\Z)"
    r"|<\|channel>thought\b.*?(?P<end8><channel\|>|\Z)"
    r"|<\|channel\|>(?:analysis|commentary).*?(?P<end9><\|channel\|>final|\Z)"
    # The same if decoding dropped the special tokens.
    r"|\A(?-i:analysis(?=[A-Z])).*?(?P<end10>assistant\s?final|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# If the chat template opens the block, the response holds only its end.
_END = re.compile(
    rf"\A.*(?:</(?:{TAGS})>|\[/think\]|◁/think▷|<\|end_thinking\|>|<\|end_of_thought\|>|"
    r"<\|inner_suffix\|>|<unused95>|<channel\|>)",
    re.DOTALL | re.IGNORECASE,
)
_OPENED = re.compile(
    rf"(?:<(?:{TAGS})>|\[think\]|◁think▷|<\|start_thinking\|>|<\|begin_of_thought\|>|<\|inner_prefix\|>)\Z",
    re.IGNORECASE,
)
_MAY_THINK = re.compile(r"think|thought|reason|reflect|channel|analysis|inner_|unused95", re.IGNORECASE)


@dataclass(frozen=True)
class Thoughts:
    """A text and its thoughts.

    Attributes:
        rest: The text with blanks in place of its thoughts and their marks, as long as before.
        thought: What was thought, with the marks; empty without thoughts.
        unfinished: Whether the text ends within a thought.
    """

    rest: str
    thought: str
    unfinished: bool

    @property
    def start(self) -> int:
        """Where what is said begins: after the blanks of a thought at the beginning."""
        return len(self.rest) - len(self.rest.lstrip()) if self.thought else 0

    @property
    def answer(self) -> str:
        """The text without its thoughts and the white space around them."""
        return self.rest.strip() if self.thought else self.rest


def find_thoughts(text: str) -> Thoughts:
    """Find the thoughts in a text, whichever marks it uses; also those that the chat template opened.

    Args:
        text: An answer, marks included.

    Examples:
        >>> find_thoughts("<think>Hm.</think>Paris.").answer
        'Paris.'
    """
    if _MAY_THINK.search(text) is None:
        return Thoughts(text, "", unfinished=False)
    rest, unfinished = _blank_blocks(text)
    rest = _END.sub(_blank, rest)
    thought = "".join(kept for kept, left in zip(text, rest, strict=True) if kept != left)
    return Thoughts(rest, thought, unfinished)


def opening_mark(prompt: str) -> str:
    """Return the mark at the end of a prompt with which its template opens a thought; empty without one."""
    found = _OPENED.search(prompt.rstrip())
    return found.group() if found else ""


def leading_thoughts(text: str) -> Thoughts:
    """Find the thoughts of an answer that begins with one; further on, a mark may be what the answer is about."""
    found = find_thoughts(text)
    begins = len(text) - len(text.lstrip())
    return Thoughts(text, "", unfinished=False) if found.rest[begins : begins + 1].strip() else found


def _blank_blocks(text: str) -> tuple[str, bool]:
    unfinished = False

    def blank(match: re.Match[str]) -> str:
        nonlocal unfinished
        end = next(
            (part for name, part in match.groupdict().items() if name != "tag" and part is not None), ""
        )
        unfinished = not end
        return _blank(match)

    return _BLOCK.sub(blank, text), unfinished


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
