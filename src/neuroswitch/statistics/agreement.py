"""Do two raters agree more than by chance? Cohen's kappa with an interval.

For a detector against a judge, or either against people. Verdicts are yes or no.

Source: Cohen (1960), A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroswitch.statistics.measurement import Measurement, proportion

RESAMPLES = 9_999


@dataclass(frozen=True)
class Agreement:
    """How far two raters agree on the same items.

    Attributes:
        kappa: 1 for full agreement, 0 for as much as by chance; None if both raters give every item the
            same verdict, because chance then explains everything.
        agree: Fraction of items on which they agree.
        missing: Number of items left out because a rater gave no verdict.
    """

    kappa: Measurement
    agree: Measurement
    missing: int


def agreement(one: Sequence[bool | None], other: Sequence[bool | None], *, seed: int = 0) -> Agreement:
    """Compare two raters item by item.

    Args:
        one: Verdicts of the first rater; None if there is none.
        other: Verdicts of the second on the same items, in the same order.
        seed: Of the bootstrap that gives the interval of kappa.

    Raises:
        ValueError: The sequences differ in length.
    """
    known = [pair for pair in zip(one, other, strict=True) if None not in pair]
    table = np.array([[known.count((a, b)) for b in (False, True)] for a in (False, True)])  # (2, 2)
    n, how = len(known), f"Cohen's kappa; bootstrap over items 95 %, seed {seed}"
    value = _kappas(table[None])[0] if n else np.nan
    if np.isnan(value):
        kappa = Measurement("kappa", None, n, None, None, "kappa", f"{how}; undefined, no rater varies")
    else:
        # Drawing n items again with replacement is one multinomial draw of the four cells.
        draws = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=RESAMPLES)
        low, high = np.nanquantile(_kappas(draws.reshape(-1, 2, 2)), (0.025, 0.975))
        kappa = Measurement("kappa", float(value), n, float(low), float(high), "kappa", how)
    agree = proportion("agreement", int(table.trace()), n, how="same verdict")
    return Agreement(kappa, agree, missing=len(one) - n)


def _kappas(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return kappa of each table of counts (tables, 2, 2); NaN where chance agreement is complete."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    observed = np.trace(shares, axis1=1, axis2=2)
    chance = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
    kappas: NDArray[np.float64] = (observed - chance) / np.where(chance < 1, 1 - chance, np.nan)
    return kappas
