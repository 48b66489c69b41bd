"""Detectors by name: does an answer show the behaviour?

A detector is a function from an answer to a verdict, and the labels that count as the behaviour.
A new one is one registered function; `contains:REGEX` needs none. Knows nothing of models.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from neuroswitch.errors import BadOption
from neuroswitch.registry import Registry
from neuroswitch.verdicts import Verdict, formal, french, refusal

Classify = Callable[[str, str | None], Verdict | None]
"""From an answer and its prompt to a verdict; None where the answer cannot be judged."""

Settled = Callable[[str, str], bool]
"""Says of an answer so far, and its prompt, that more text cannot change what is counted."""


@dataclass(frozen=True)
class Detector:
    """A classifier and what its labels mean.

    Attributes:
        name: What it is called, argument included, so that the name alone finds it again.
        classify: From an answer and its prompt to a verdict.
        shows: The labels that count as the behaviour.
        how: The rule in words, for tables.
        settled: Says of an answer so far, and its prompt, that it shows the behaviour however it goes on;
            None where that cannot be known.
    """

    name: str
    classify: Classify
    shows: frozenset[str]
    how: str
    settled: Settled | None = None

    def judges(self, response: str, prompt: str | None) -> bool:
        """Say whether an answer shows the behaviour; one that cannot be judged does not."""
        verdict = self.classify(response, prompt)
        return verdict is not None and verdict.label in self.shows

    def shown(self, label: str | None) -> bool | None:
        """Say whether a label counts as the behaviour; None for a missing verdict."""
        return None if label is None else label in self.shows


detectors: Registry[Callable[[str], Detector]] = Registry("detector")
"""Name -> function from the text after the first colon (empty without one) to a detector."""


def get_detector(name: str) -> Detector:
    """Find a detector by name, such as `refusal` or `contains:(?i)bonjour`.

    Raises:
        BadOption: There is no such detector, or its argument is wrong or missing.
    """
    return detectors.make(name)


@detectors.register("refusal")
def _refusal(argument: str) -> Detector:
    """Count full and partial refusals alike.

    That is the boundary at which the classifier was checked against people (full compliance against
    the rest), and the strict one: an intervention gets no credit for turning a refusal into half of one.
    """
    _no_argument("refusal", argument)
    return Detector(
        "refusal",
        refusal.classify,
        frozenset({"refusal", "partial"}),
        "full or partial refusals, by rules",
        refusal.settled,
    )


@detectors.register("french")
def _french(argument: str) -> Detector:
    _no_argument("french", argument)
    return Detector("french", french.classify, frozenset({"french"}), "answers in French, by function words")


@detectors.register("formal")
def _formal(argument: str) -> Detector:
    _no_argument("formal", argument)
    return Detector(
        "formal", formal.classify, frozenset({"formal"}), "answers in a formal register, by its marks"
    )


@detectors.register("contains")
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

    def classify(response: str, prompt: str | None) -> Verdict:
        match = pattern.search(response)
        if match is None:
            return Verdict("absent", None, "no match")
        return Verdict("present", match.span(), f"contains {match.group()!r}")

    return Detector(
        f"contains:{argument}", classify, frozenset({"present"}), f"answers matching /{argument}/"
    )


def _no_argument(name: str, argument: str) -> None:
    if argument:
        raise BadOption(f"the detector {name!r} takes no argument", found=repr(argument), expected=repr(name))
