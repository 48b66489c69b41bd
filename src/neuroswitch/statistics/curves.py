"""The rate of a behaviour at a given damage: a method's curve over its strengths, with intervals.

A method at several strengths is a curve of rate against damage. It begins at the untouched model, which has damage 0,
goes in straight lines through every strength that was measured, in the order of their damage, and stays level behind
the last of them. It is no lower envelope: the least of several noisy rates would favour methods with many
strengths. A damage below 0 counts as 0.

Intervals resample prompts, those of the rate and those of the damage together and the same for all methods; where a
method stands for several circuits, circuits too. Every resample has a curve of its own, with its own order. Knows no
model and no files.

Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13 (percentile intervals).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from neuroswitch.records import POSITIVE, MeasureInfo
from neuroswitch.statistics.measurement import ROUNDING, Interval, Measurement, wilson

RESAMPLES = 4_999

Draws = Sequence[Mapping[str, float]]
"""Item -> value, one mapping for each circuit that a method stands for."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Sampled:
    """What was measured in one state.

    Attributes:
        strength: Of the method; 0 for the untouched model.
        rate: Whether each answer shows the behaviour, 1 or 0; answers without a verdict are absent.
        damage: Values of the measure of damage.
    """

    strength: float
    rate: Draws
    damage: Draws


@dataclass(frozen=True, eq=False)
class Curve:
    """Rate against damage, in the data (row 0) and in every resample (the other rows).

    Attributes:
        damage: (1 + resamples, 1 + strengths), ascending in each row; the first column is the untouched model's 0.
        rate: (1 + resamples, 1 + strengths), as fractions.
        strengths: Those of row 0, in its order; the first is 0.
        prompts: How many prompts the rate was counted on.
        circuits: How many circuits were resampled.
    """

    damage: Numbers
    rate: Numbers
    strengths: tuple[float, ...]
    prompts: int
    circuits: int

    def at(self, budget: float) -> Numbers:
        """Return the rate at a damage, (1 + resamples,): linear between neighbours, level behind the last one."""
        found = self.rate[:, -1].copy()
        for left, right, start, end in self._segments():
            inside = (left <= budget) & (budget < right)
            found = np.where(inside, start + _share(budget, left, right) * (end - start), found)
        return found

    def area(self, budget: float) -> Numbers:
        """Return the mean rate over the damages from 0 to a budget above 0, (1 + resamples,)."""
        total = np.clip(budget - self.damage[:, -1], 0.0, None) * self.rate[:, -1]
        for left, right, start, end in self._segments():
            width = np.clip(budget - left, 0.0, right - left)
            at_end = start + _share(budget, left, right) * (end - start)
            total += width * (start + at_end) / 2
        found: Numbers = total / budget
        return found

    def beside(self, budget: float) -> tuple[float, float]:
        """Return the strengths on either side of a damage; twice the same one behind the last of them."""
        below = int((self.damage[0] <= budget).sum()) - 1
        return self.strengths[below], self.strengths[min(below + 1, len(self.strengths) - 1)]

    def _segments(self) -> Iterable[tuple[Numbers, Numbers, Numbers, Numbers]]:
        for k in range(self.damage.shape[1] - 1):
            yield self.damage[:, k], self.damage[:, k + 1], self.rate[:, k], self.rate[:, k + 1]


def _share(budget: float, left: Numbers, right: Numbers) -> Numbers:
    """Return how far a budget lies from one damage to the next one, from 0 to 1."""
    wide = right > left
    return np.where(wide, np.clip((budget - left) / np.where(wide, right - left, 1.0), 0.0, 1.0), 0.0)


def rate_curves(
    untouched: Sampled, methods: Mapping[str, Sequence[Sampled]], info: MeasureInfo, *, seed: int = 0
) -> dict[str, Curve]:
    """Make the curve of every method.

    Args:
        untouched: The untouched model; for a measure that is 0 there by definition its damage is not read.
        methods: Method -> what was measured at its strengths, all of one sign.
        info: What the damage is, and how values become a cost.
        seed: Of the resampling.

    Returns:
        Method -> curve; methods without any rate or damage are absent.
    """
    rng = np.random.default_rng(seed)
    states = [untouched, *(one for found in methods.values() for one in found)]
    rated = _items(draw for one in states for draw in one.rate)
    harmed = _items(draw for one in states for draw in one.damage)
    if info.pile == POSITIVE:  # the same prompts are drawn for both
        rated = harmed = _items([dict.fromkeys([*rated, *harmed], 0.0)])
    weights = _weights(rng, len(rated))
    drawn = (
        (rated, weights),
        ((rated, weights) if info.pile == POSITIVE else (harmed, _weights(rng, len(harmed)))),
    )
    found: dict[str, Curve] = {}
    if not any(untouched.rate) or not (info.from_zero or any(untouched.damage)):
        return found
    for name, points in methods.items():
        usable = [one for one in points if any(one.rate) and any(one.damage)]
        if usable:
            found[name] = _curve(untouched, usable, info, drawn, rng)
    return found


Drawn = tuple[Sequence[str], Numbers]
"""Items, and how often each was drawn: (1 + resamples, items)."""


def _curve(
    untouched: Sampled,
    points: Sequence[Sampled],
    info: MeasureInfo,
    drawn: tuple[Drawn, Drawn],
    rng: np.random.Generator,
) -> Curve:
    """Make one curve: means over the drawn prompts and circuits, put in the order of their damage."""
    rated, harmed = drawn
    circuits = _Circuits(rng)
    rates = [_means(untouched.rate, rated, circuits)]
    costs = [np.zeros(1 + RESAMPLES)]
    for one in points:
        rates.append(_means(one.rate, rated, circuits))
        after, before = _means(one.damage, harmed, circuits), np.zeros(1 + RESAMPLES)
        if not info.from_zero:  # the same items before and after
            taken = {item for draw in one.damage for item in draw}
            shared = [
                {item: value for item, value in draw.items() if item in taken} for draw in untouched.damage
            ]
            before = _means(shared, harmed, circuits)
        if info.aggregate == "exp_mean":
            after, before = np.exp(after), np.exp(before)
        costs.append(np.maximum(info.cost_of(after, before), 0.0))  # type: ignore[arg-type]  # arrays work alike
    damage, rate = np.stack(costs, axis=1), np.stack(rates, axis=1)
    rate = np.where(
        np.isnan(damage), np.nan, rate
    )  # a resample without any item of the damage has no such point
    order = np.argsort(damage, axis=1, kind="stable")
    strengths = [0.0, *(one.strength for one in points)]
    return Curve(
        damage=np.take_along_axis(damage, order, axis=1),
        rate=np.take_along_axis(rate, order, axis=1),
        strengths=tuple(strengths[k] for k in order[0]),
        prompts=len({item for one in points for draw in one.rate for item in draw}),
        circuits=max(len([draw for draw in one.rate if draw]) for one in points),
    )


class _Circuits:
    """How often each circuit of a method was drawn, the same at all of its strengths."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.known: dict[int, Numbers] = {1: np.ones((1 + RESAMPLES, 1))}

    def drawn(self, count: int) -> Numbers:
        """Return the draws of so many circuits, (1 + resamples, circuits)."""
        if count not in self.known:
            self.known[count] = _weights(self.rng, count)
        return self.known[count]


def _weights(rng: np.random.Generator, count: int) -> Numbers:
    """Return how often each of some items is in the data, once, and in every resample."""
    if not count:
        return np.zeros((1 + RESAMPLES, 0))
    resampled = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return np.concatenate([np.ones((1, count)), resampled])


def _means(draws: Draws, drawn: Drawn, circuits: _Circuits) -> Numbers:
    """Return the mean over items of each item's mean over circuits, (1 + resamples,); NaN where none was drawn."""
    items, weights = drawn
    found = [draw for draw in draws if draw]
    values = np.array([[draw.get(item, np.nan) for item in items] for draw in found])  # (circuits, items)
    known = ~np.isnan(values)
    of = circuits.drawn(len(found))
    count = of @ known.astype(np.float64)  # (1 + resamples, items)
    each = (of @ np.nan_to_num(values)) / np.maximum(count, 1.0)
    used = weights * (count > 0)
    total = used.sum(axis=1)
    means: Numbers = np.where(total > 0, (used * each).sum(axis=1) / np.maximum(total, 1.0), np.nan)
    return means


def _items(draws: Iterable[Mapping[str, float]]) -> list[str]:
    return sorted({item for draw in draws for item in draw})


def rate_at(curve: Curve, budget: float, *, seed: int = 0) -> Measurement:
    """Return the rate at a damage; its interval is at least as wide as Wilson's for as many prompts.

    Where no answer, or every one, shows the behaviour, all resamples agree although the next prompt might not:
    there the interval is Wilson's.
    """
    draws = curve.at(budget)
    value, interval = _with_interval(draws)
    expected = wilson(value * curve.prompts, curve.prompts) or interval
    low, high = min(interval.low, expected.low), max(interval.high, expected.high)
    how = f"linear between the strengths on either side; {_resampled(curve, seed)}, at least as wide as Wilson's"
    return Measurement("behaviour", value, curve.prompts, low, high, "fraction", how)


def mean_rate(curve: Curve, budget: float, *, seed: int = 0) -> Measurement:
    """Return the area under a curve up to a budget above 0, divided by the budget: the mean rate over these damages.

    Where all resamples agree, the interval is Wilson's for as many prompts.
    """
    value, interval = _with_interval(curve.area(budget))
    if interval.high - interval.low <= ROUNDING:
        interval = wilson(value * curve.prompts, curve.prompts) or interval
    how = (
        f"area under the curve from damage 0 to the budget, divided by the budget; {_resampled(curve, seed)}"
    )
    return Measurement("area", value, curve.prompts, interval.low, interval.high, "fraction", how)


def rate_difference(one: Curve, other: Curve, budget: float, *, seed: int = 0) -> Measurement:
    """Return the rate of one method at a damage minus that of another, paired: both see the same resamples.

    Where all resamples agree, the interval is that of two independent rates (Newcombe 1998, method 10).
    """
    value, interval = _with_interval(one.at(budget) - other.at(budget))
    n = min(one.prompts, other.prompts)
    how = f"difference of two rates at the same damage, paired by prompt; {_resampled(one, seed)}"
    if interval.high - interval.low <= ROUNDING:
        interval = _newcombe(*((float(curve.at(budget)[0]), curve.prompts) for curve in (one, other)))
        how = "difference of two rates at the same damage; Newcombe's 95 %, since all resamples agree"
    return Measurement("difference", value, n, interval.low, interval.high, "fraction", how)


def _newcombe(one: tuple[float, int], other: tuple[float, int]) -> Interval:
    """Return the interval of the difference of two independent rates, each given with its number of prompts."""
    (p, n), (q, m) = one, other
    first, second = wilson(p * n, n) or Interval(0.0, 1.0), wilson(q * m, m) or Interval(0.0, 1.0)
    down = sqrt((p - first.low) ** 2 + (second.high - q) ** 2)
    up = sqrt((first.high - p) ** 2 + (q - second.low) ** 2)
    return Interval(p - q - down, p - q + up)


def _with_interval(draws: Numbers) -> tuple[float, Interval]:
    """Return the value of the data, and the percentile interval of the resamples, which holds the value."""
    value = float(draws[0])
    low, high = np.nanquantile(draws[1:], (0.025, 0.975))
    return value, Interval(min(float(low), value), max(float(high), value))


def _resampled(curve: Curve, seed: int) -> str:
    what = "prompts and circuits" if curve.circuits > 1 else "prompts"
    return f"bootstrap over {what} 95 %, seed {seed}"
