"""What is said of one answer: its label, the characters that decided it, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What one completion is.

    Attributes:
        label: The class, for example `refusal`, `partial`, `compliance` or `degenerate`.
        span: Start and end of the characters of the completion that decided it; None if nothing said so.
        reason: Why, in words.
    """

    label: str
    span: tuple[int, int] | None
    reason: str
