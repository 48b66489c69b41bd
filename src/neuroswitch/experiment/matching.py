"""Methods at the same damage, and circuits against each other. Needs rows and circuits, no model."""

from collections.abc import Callable, Collection, Mapping, Sequence

from neuroswitch.circuits import Circuit
from neuroswitch.records import RANDOM, UNTOUCHED, MeasureInfo
from neuroswitch.statistics import (
    Curve,
    Sampled,
    Stratum,
    mean_rate,
    overlap,
    rate_at,
    rate_curves,
    rate_difference,
)
from neuroswitch.summary import Cell, Chance, CurvePoint, Matched, MatchedDifference, MatchedRow, Shared

ValuesOf = Callable[[str, str], Mapping[str, float]]
"""From a condition and a measure to the values that count: item -> value."""


def matched(
    cells: Sequence[Cell], values_of: ValuesOf, info: MeasureInfo, budget: float, circuits: Collection[str]
) -> Matched | None:
    """Compare methods at the same damage: each method's rate on its curve over the strengths.

    Args:
        cells: The rows of one model.
        values_of: The values behind them.
        info: The measure of damage.
        budget: The damage, a difference to the untouched model in the unit of the measure; above 0.
        circuits: The methods that scale a circuit that was found; the best of them is set against the best other one.

    Returns:
        One row for each method that the damage was measured of, the lowest rate first; None without any.
    """
    untouched = next(cell for cell in cells if cell.method == UNTOUCHED)
    names = dict.fromkeys(cell.method for cell in cells if cell.method != UNTOUCHED)
    states = {name: _of_one_sign([cell for cell in cells if cell.method == name]) for name in names}

    def sampled(cell: Cell) -> Sampled:
        rate, damage = (
            [values_of(one, measure) for one in cell.members] for measure in ("behaviour", info.name)
        )
        return Sampled(cell.strength, rate, damage)

    curves = rate_curves(
        sampled(untouched), {name: list(map(sampled, found)) for name, found in states.items()}, info
    )
    rows = [_row(name, curve, budget) for name, curve in curves.items()]
    if not rows:
        return None
    rows.sort(key=lambda row: (row.rate.value or 0.0, row.area.value or 0.0))
    return Matched(
        by=info.name, budget=budget, rows=tuple(rows), difference=_difference(rows, curves, budget, circuits)
    )


def _of_one_sign(cells: Sequence[Cell]) -> list[Cell]:
    """Return the strengths above 0; those below 0, which amplify, where there are no others."""
    return [cell for cell in cells if cell.strength > 0] or [cell for cell in cells if cell.strength < 0]


def _row(name: str, curve: Curve, budget: float) -> MatchedRow:
    points = zip(curve.strengths, curve.damage[0].tolist(), curve.rate[0].tolist(), strict=True)
    return MatchedRow(
        method=name,
        rate=rate_at(curve, budget),
        area=mean_rate(curve, budget),
        strengths=curve.beside(budget),
        points=tuple(CurvePoint(strength=a, damage=x, rate=y) for a, x, y in points),
        circuits=curve.circuits,
    )


def _difference(
    rows: Sequence[MatchedRow], curves: Mapping[str, Curve], budget: float, circuits: Collection[str]
) -> MatchedDifference | None:
    """Set the best circuit against the best of the other methods; random controls are neither."""
    circuit = next((row.method for row in rows if row.method in circuits), None)
    other = next((row.method for row in rows if row.method not in {*circuits, RANDOM}), None)
    if circuit is None or other is None:
        return None
    found = rate_difference(curves[circuit], curves[other], budget)
    return MatchedDifference(circuit=circuit, other=other, difference=found)


def shared_neurons(name: str, one: Circuit, other: Circuit) -> Shared:
    """Count the neurons that two circuits share, and test that against chance in two ways.

    Args:
        name: What to call the pair in a report.
        one: A circuit.
        other: A circuit of a model with the same neuron axis.

    Raises:
        WrongModel: The circuits lie on different neuron axes.
    """
    shared = len(one & other)
    population: dict[int, int] = {}
    for site in one.layout.sites:
        population[site.layer] = population.get(site.layer, 0) + site.neurons
    first, second = one.by_layer(), other.by_layer()
    by_layer = [
        Stratum(first.get(layer, 0), second.get(layer, 0), size) for layer, size in population.items()
    ]
    anywhere = overlap(shared, [Stratum(len(one), len(other), one.layout.size)])
    matched_layers = overlap(shared, by_layer)
    return Shared(
        name=name,
        sizes=(len(one), len(other)),
        shared=shared,
        jaccard=one.jaccard(other),
        anywhere=Chance(expected=anywhere.expected, p=anywhere.p),
        by_layer=Chance(expected=matched_layers.expected, p=matched_layers.p),
    )
