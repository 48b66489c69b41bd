"""Methods at the same damage, and circuits against each other. Needs rows and circuits, no model."""

from collections.abc import Sequence

from neuroswitch.circuits import Circuit
from neuroswitch.records import UNTOUCHED, MeasureInfo
from neuroswitch.statistics import Stratum, overlap
from neuroswitch.summary import Cell, Chance, Matched, MatchedRow, Shared


def matched(cells: Sequence[Cell], info: MeasureInfo, budget: float, role: str) -> Matched | None:
    """Compare methods, each at the strength that costs the most within a budget.

    Args:
        cells: The rows of the experiment.
        info: The measure of damage.
        budget: Its limit, a difference to the untouched model in the unit of the measure.
        role: Which model.

    Returns:
        One row for each method that the damage was measured of; None without any.
    """
    mine = [cell for cell in cells if cell.model == role]
    untouched = next(cell for cell in mine if cell.method == UNTOUCHED).measures.get(info.name)
    start = untouched.value if untouched and untouched.value is not None else 0.0
    rows = []
    for name in dict.fromkeys(cell.method for cell in mine if cell.method != UNTOUCHED):
        costs = [
            (info.cost_of(found.value, start), abs(cell.strength), cell)
            for cell in mine
            if cell.method == name and (found := cell.measures.get(info.name)) and found.value is not None
        ]
        within = [one for one in costs if one[0] <= budget]
        best = max(within, key=lambda one: one[:2])[2] if within else None
        if costs:
            rows.append(
                MatchedRow(
                    method=name,
                    strength=best.strength if best else None,
                    behaviour=best.measures["behaviour"] if best else None,
                    damage=best.measures[info.name] if best else None,
                    p_adjusted=best.tests["behaviour"].p_adjusted if best else None,
                )
            )
    return Matched(by=info.name, budget=budget, rows=tuple(rows)) if rows else None


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
