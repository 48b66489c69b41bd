"""A number, how sure it is, and how it was obtained."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One number, how sure it is, and how it was obtained.

    Attributes:
        name: What was measured.
        value: In `unit`; None if there was nothing to measure, never 0 in its place.
        n: On how many items it rests.
        low: Lower end of the interval; None where there is none.
        high: Upper end of the interval; None where there is none.
        unit: `fraction` (0-1), `nats per token`, ...
        how: How value and interval came about, in words.
    """

    name: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    unit: str
    how: str
