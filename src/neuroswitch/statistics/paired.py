"""Numbers over items that may each have several draws, such as a prompt under several random circuits.

An interval says how far a number would move with other items. Draws of one item are not independent of each
other, so items are resampled and draws never are: a number is the mean over items of the mean of
each item's draws.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import exp
from statistics import fmean

from neuroswitch.statistics.estimates import mean, proportion
from neuroswitch.statistics.intervals import mcnemar, paired_bootstrap
from neuroswitch.statistics.types import Measurement

Values = dict[str, list[float]]
"""Item -> its values, one for each draw."""


def rate_of(name: str, values: Mapping[str, list[float]], *, how: str) -> Measurement:
    """Measure a rate: with one draw of each item Wilson's interval, else a bootstrap over items.

    Args:
        name: What was measured.
        values: Item -> 1 or 0 for each draw.
        how: How a value comes about; the interval's name is added.
    """
    if max(map(len, values.values()), default=0) < 2:
        flat = [value for found in values.values() for value in found]
        return proportion(name, round(sum(flat)), len(flat), how=how)
    return mean_of(name, values, unit="fraction", how=how)


def mean_of(name: str, values: Mapping[str, list[float]], *, unit: str, how: str) -> Measurement:
    """Measure a mean over items, of the mean of each; `n` counts the values.

    Args:
        name: What was measured.
        values: Item -> its values.
        unit: Their unit.
        how: How a value comes about; the interval's name is added.
    """
    draws = max(map(len, values.values()), default=0)
    if draws > 1:
        how += f"; {draws} draws of each item, resampled by item"
    found = mean(name, [fmean(one) for one in values.values()], unit=unit, how=how)
    return replace(found, n=sum(map(len, values.values())))


def exp_of(found: Measurement) -> Measurement:
    """Turn a mean of nats into a perplexity, its interval with it."""
    value, low, high = (None if end is None else exp(end) for end in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def paired_change(
    name: str,
    before: Mapping[str, list[float]],
    after: Mapping[str, list[float]],
    *,
    unit: str,
    seed: int = 0,
) -> Measurement:
    """Measure a mean difference, after minus before, over the items that both have."""
    both = [item for item in before if item in after]
    was, now = ([fmean(values[item]) for item in both] for values in (before, after))
    estimate = paired_bootstrap(now, was, seed=seed)
    low, high = (estimate and estimate.interval) or (None, None)
    how = f"changed minus untouched, on the same items; paired bootstrap over items 95 %, seed {seed}"
    return Measurement(name, estimate.value if estimate else None, len(both), low, high, unit, how)


def paired_test(
    before: Mapping[str, list[float]], after: Mapping[str, list[float]]
) -> tuple[float | None, int, int]:
    """Test whether items changed in one direction: McNemar's exact test, each item counted once.

    An item with several draws counts by the sign of their mean difference.

    Returns:
        The p-value, None where no item is in both; how many items went down; how many went up.
    """
    both = [item for item in before if item in after]
    moves = [fmean(after[item]) - fmean(before[item]) for item in both]
    down, up = sum(move < 0 for move in moves), sum(move > 0 for move in moves)
    return (mcnemar(down, up) if both else None), down, up
