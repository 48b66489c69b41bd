"""The result of judging one answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What one answer shows.

    Attributes:
        label: The class, for example `refusal`, `partial`, `compliance` or `degenerate`; None if the answer
            cannot be judged, which counts as neither.
        span: Start and end of the characters of the answer that decided it; None if no one place did.
        reason: Why, in words.
    """

    label: str | None
    span: tuple[int, int] | None
    reason: str
