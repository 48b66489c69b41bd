"""Rates, means and changes of items that have several values each, one per draw (usually per seed).

Draws of one item are not independent observations. Intervals of means therefore resample items, never draws,
those of rates count effective observations, and a test counts each item once. With one draw per item these are the
ordinary statistics.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp
from statistics import fmean, variance

from neuroswitch.statistics.measurement import Measurement, mean, proportion, wilson
from neuroswitch.statistics.significance import mcnemar

Values = dict[str, list[float]]
"""Item -> its values, one per draw. An item without a value is absent."""


def rate_of(name: str, values: Values, *, how: str) -> Measurement:
    """Return the fraction of values that are 1, with its 95 % Wilson interval.

    Values of one item are not independent, so with several draws the interval is that of the effective number
    of observations: p (1 - p) divided by the variance of p over items, at least the number of items and at
    most the number of values.

    Args:
        name: What was counted.
        values: 1 or 0 for each draw of each item.
        how: How they were classified.

    Source:
        Franco, Little, Louis & Slud (2019), Comparative study of confidence intervals for proportions in
        complex sample surveys, section 2 (Wilson interval with the effective sample size).
    """
    flat = [value for found in values.values() for value in found]
    if (draws := _draws(values)) <= 1:
        return proportion(name, round(sum(flat)), len(flat), how=how)
    means = [fmean(found) for found in values.values()]
    rate, effective = fmean(means), _effective_count(means, len(flat))
    low, high = wilson(rate * effective, effective) or (None, None)
    how += f"; {draws} draws of each item; Wilson 95 %, {effective:.0f} effective observations"
    return Measurement(name, rate, len(flat), low, high, "fraction", how)


def _effective_count(means: Sequence[float], most: int) -> float:
    """Return how many independent observations would have given a rate as sure as these means of items."""
    rate = fmean(means)
    if rate in (0, 1) or len(means) == 1:
        return len(means)
    spread = variance(means) / len(means)
    return min(max(rate * (1 - rate) / spread, len(means)), most) if spread else most


def mean_of(name: str, values: Values, *, unit: str, how: str) -> Measurement:
    """Return the mean over items of each item's mean, with a bootstrap interval over items.

    Args:
        name: What was measured.
        values: A finite number for each draw of each item.
        unit: Their unit.
        how: How each number was computed.

    Returns:
        The measurement; its `n` counts values, so it is items x draws.
    """
    if (draws := _draws(values)) > 1:
        how += f"; {draws} draws of each item, resampled by item"
    found = mean(name, [fmean(one) for one in values.values()], unit=unit, how=how)
    return replace(found, n=sum(map(len, values.values())))


def exp_of(found: Measurement) -> Measurement:
    """Return `exp` of a measurement and its interval: mean nats per token -> perplexity."""
    value, low, high = (None if end is None else exp(end) for end in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def paired_change(name: str, before: Values, after: Values, *, unit: str) -> Measurement:
    """Return the mean of after minus before over the items that both have: a paired bootstrap over items.

    Args:
        name: What changed.
        before: Values in the first condition.
        after: Values in the second condition; an item may have another number of draws there.
        unit: Their unit.
    """
    return mean(name, _changes(before, after), unit=unit, how="after minus before, paired by item")


def paired_test(before: Values, after: Values) -> tuple[float | None, int, int]:
    """Test whether items changed in one direction more often than in the other.

    An item counts once, by the sign of its mean change.

    Returns:
        The p-value of McNemar's exact test, None if no item is in both; how many items went down; how
        many went up.
    """
    changes = _changes(before, after)
    down, up = sum(change < 0 for change in changes), sum(change > 0 for change in changes)
    return mcnemar(down, up) if changes else None, down, up


def _draws(values: Values) -> int:
    return max(map(len, values.values()), default=0)


def _changes(before: Values, after: Values) -> list[float]:
    """Return how much the mean of each item changed, for the items that both have."""
    return [fmean(after[item]) - fmean(values) for item, values in before.items() if item in after]
