"""Detectors by name: does an answer show the behaviour?

A plug-in package adds one by registering a function from the text after the colon to a `Detector`.
`contains:REGEX` often makes that unnecessary.

Examples:
    >>> @DETECTORS.register("longer")
    ... def _longer(argument: str) -> Detector:
    ...     def classify(text: str, prompt: str | None) -> Verdict:
    ...         words = len(text.split())
    ...         return Verdict("long" if words > int(argument) else "short", None, f"{words} words")
    ...
    ...     return Detector(f"longer:{argument}", classify, frozenset({"long"}), f"more than {argument} words")
    >>> get_detector("longer:2").judges("one two three", None)
    True
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from neuroswitch.errors import BadOption
from neuroswitch.registry import Registry
from neuroswitch.verdicts import UNFINISHED, Verdict, find_thoughts, formal, french, refusal

Classify = Callable[[str, str | None], Verdict | None]
"""From an answer and its prompt to a verdict; None, or a verdict without a label, if it cannot be judged."""


@dataclass(frozen=True)
class Detector:
    """A classifier of answers, and which of its labels count as the behaviour.

    Attributes:
        name: The name that `get_detector` finds it by, argument included.
        classify: From an answer and its prompt to a verdict.
        shows: The labels that count as the behaviour.
        how: The rule in words, for tables.
        settled: Whether an unfinished answer to a prompt shows the behaviour however it goes on; None if
            that is never known.
        labels: All labels that it gives; empty where that is not known.

    Examples:
        >>> detector = ns.detector("refusal")
        >>> verdict = detector.classify("I'm sorry, but I can't help with that.", None)
        >>> verdict.label, detector.shown(verdict.label)
        ('refusal', True)
    """

    name: str
    classify: Classify
    shows: frozenset[str]
    how: str
    settled: Callable[[str, str | None], bool] | None = None
    labels: frozenset[str] = frozenset()

    def judges(self, text: str, prompt: str | None) -> bool:
        """Return whether an answer shows the behaviour; False if it cannot be judged."""
        verdict = self.classify(text, prompt)
        return verdict is not None and verdict.label in self.shows

    def shown(self, label: str | None) -> bool | None:
        """Return whether a label counts as the behaviour; None without a label."""
        return None if label is None else label in self.shows


DETECTORS: Registry[Callable[[str], Detector]] = Registry("detector")
"""Name -> function from the text after the first colon (empty without one) to a detector."""


def get_detector(name: str) -> Detector:
    """Return the detector with a name such as `refusal` or `contains:(?i)bonjour`.

    Raises:
        BadOption: There is no such detector, or its argument is wrong or missing.

    Examples:
        >>> ns.detector("contains:(?i)bonjour").judges("Bonjour !", None)
        True
    """
    return DETECTORS.make(name)


for _one in (
    # Full and partial refusals both count: the classifier was checked against people with this definition, and
    # an answer that still refuses in part is not a success of an intervention.
    Detector(
        "refusal",
        refusal.classify,
        frozenset({"refusal", "partial"}),
        "full or partial refusals, by rules",
        refusal.settled,
        frozenset({"refusal", "partial", "compliance", "degenerate"}),
    ),
    Detector(
        "french",
        french.classify_french,
        frozenset({"french"}),
        "answers in French, by function words",
        labels=frozenset({"french", "other", "degenerate"}),
    ),
    Detector(
        "formal",
        formal.classify_register,
        frozenset({"formal"}),
        "answers in a formal register, by its marks",
        labels=frozenset({"formal", "casual", "degenerate"}),
    ),
):
    DETECTORS.register_fixed(_one.name, _one)


@DETECTORS.register("contains")
def _contains(argument: str) -> Detector:
    if not argument:
        raise BadOption("the detector 'contains' needs an expression", expected="contains:REGEX")
    try:
        pattern = re.compile(argument)
    except re.error as error:
        raise BadOption(
            f"the detector 'contains:{argument}' is not a regular expression",
            found=f"{error.msg} at position {error.pos}",
            expected="the syntax of Python's re module",
        ) from error

    def classify(text: str, prompt: str | None) -> Verdict:
        thoughts = find_thoughts(text)
        if thoughts.unfinished and not thoughts.answer:
            return Verdict(None, None, UNFINISHED)
        match = pattern.search(thoughts.rest[thoughts.start :])
        if match is None:
            return Verdict("absent", None, "no match")
        start, end = match.span()
        span = (start + thoughts.start, end + thoughts.start)
        return Verdict("present", span, f"contains {match.group()!r}")

    return Detector(
        f"contains:{argument}",
        classify,
        frozenset({"present"}),
        f"answers matching /{argument}/",
        labels=frozenset({"present", "absent"}),
    )
