"""Where everything in a figure goes: numbers in, positions as fractions of the plot out.

Knows axes and marks, not HTML: the templates draw what is placed here, with percentages, so
that a figure fills any width without scaling its text. Positions run from 0 to 1, left to right
and bottom to top.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

EDGE = 0.12
"""Share of a logarithmic axis that lies between 0 and its smallest value."""


class Tick(NamedTuple):
    """A labelled place on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """Maps values to positions.

    Attributes:
        low: Value at position 0; on a `log` axis with room for 0, the smallest that is drawn to scale.
        high: Value at position 1.
        title: What is measured, with its unit.
        kind: `linear`, `fraction` (linear, written in per cent), `log`, or `log from 0`, which keeps
            a place for 0 at the edge.
        values: Where the ticks are.
    """

    low: float
    high: float
    title: str
    kind: str = "linear"
    values: tuple[float, ...] = ()

    def place(self, value: float) -> float:
        """Return the position of `value`; what lies outside is drawn at the edge."""
        return min(max(self._place(value), 0.0), 1.0)

    def _place(self, value: float) -> float:
        if not self.kind.startswith("log"):
            return (value - self.low) / (self.high - self.low)
        if value < self.low:
            return 0.0
        edge = EDGE if self.kind == "log from 0" else 0.0
        return edge + (1 - edge) * math.log(value / self.low) / math.log(self.high / self.low)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The labelled values with their places."""
        factor = 100 if self.kind == "fraction" else 1  # the title carries the sign
        return tuple(Tick(self.place(value), f"{factor * value:g}") for value in self.values)


def fractions(title: str = "") -> Axis:
    """Return the axis of a rate: 0 to 1, written in per cent."""
    return linear([0.0, 1.0], title, kind="fraction")


def linear(values: Iterable[float], title: str, *, kind: str = "linear") -> Axis:
    """Return an axis with round ends around `values`."""
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    step = _step(low, high)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(index * step, 12) for index in range(first, max(last, first + 1) + 1))
    return Axis(ticks[0], ticks[-1], title, kind, ticks)


def logarithmic(values: Iterable[float], title: str) -> Axis:
    """Return a logarithmic axis around the positive `values`, with a place for 0 if it is among them."""
    every = list(values)
    known = [value for value in every if value > 0] or [1.0]
    first, last = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    decades = range(first, max(last, first + 1) + 1)
    factors = (1, 2, 5) if max(known) < 30 * min(known) else (1,)
    ticks = sorted(factor * 10.0**power for power in decades for factor in factors)
    below = [tick for tick in ticks if tick <= min(known)]
    above = [tick for tick in ticks if tick >= max(known)]
    ticks = [tick for tick in ticks if below[-1] <= tick <= above[0]]
    if len(ticks) == 1:
        ticks.append(ticks[0] * 10)
    if min(every, default=1.0) <= 0:
        return Axis(ticks[0], ticks[-1], title, "log from 0", (0.0, *ticks))
    return Axis(ticks[0], ticks[-1], title, "log", tuple(ticks))


class Segment(NamedTuple):
    """A part of a whole, from `start` over `width`."""

    label: str
    start: float
    width: float
    answers: int


def stack(counts: Mapping[str, int], order: Sequence[str]) -> tuple[Segment, ...]:
    """Place parts of a whole side by side, in the given order; what is absent takes no place."""
    total = sum(counts.values())
    segments, start = [], 0.0
    for label in order:
        if count := counts.get(label, 0):
            segments.append(Segment(label, start, count / total, count))
            start += count / total
    return tuple(segments)


def layer_ticks(count: int) -> tuple[float, ...]:
    """Return which of `count` layers are labelled: about a dozen."""
    every = next(step for step in (1, 2, 4, 5, 10, 20, 50, 100, count) if count / step <= 13)
    return tuple(float(layer) for layer in range(0, count, every))


class Point(NamedTuple):
    """One measurement in two dimensions; an interval of None is not drawn, a point without a mark only joined."""

    x: float
    y: float
    text: str
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    marked: bool = True


class Series(NamedTuple):
    """Points of one method or circuit, joined in the order given; `tone` names colour and mark."""

    label: str
    tone: str
    points: tuple[Point, ...]
    joined: bool = True


@dataclass(frozen=True)
class Chart:
    """Series placed on two axes; `upright` is where a line stands across the plot, in the unit of x."""

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    upright: float | None = None

    def path(self, series: Series) -> str:
        """Return the joined points as SVG `points` in a 100 by 100 box, y downwards."""
        return " ".join(
            f"{100 * self.x.place(point.x):.3f},{100 * (1 - self.y.place(point.y)):.3f}"
            for point in series.points
        )


def _step(low: float, high: float) -> float:
    """Return a step of 1, 2, 2.5 or 5 times a power of ten that gives four or five intervals."""
    spread = (high - low) or 1.0
    unit = 10.0 ** math.floor(math.log10(spread / 4))
    return next(unit * factor for factor in (1, 2, 2.5, 5, 10) if spread / (unit * factor) <= 5)
