"""Methods at the same damage: each at the strength that costs the most within a budget. Needs no model."""

from collections.abc import Mapping, Sequence
from typing import Any

from neuroswitch.report import MEASURES, measured


def matched(
    document: Mapping[str, Any], names: Sequence[str], by: str, budget: float
) -> list[dict[str, Any]]:
    """Match the methods of a comparison.

    Args:
        document: Its summary as far as it is, with `baseline` and `methods`.
        names: The methods, in the order of the rows.
        by: The measure of damage.
        budget: Its limit, a difference to the baseline in the unit of the measure.

    Returns:
        Rows as `reporting.schema.MatchedCell`: None where every strength costs more; methods without the
        measure are left out.
    """
    reference = measured(document["baseline"], by)
    start = reference["value"] if reference and reference["value"] is not None else 0.0
    rows = []
    for name in names:
        costs = [
            (MEASURES[by].cost_of(found["value"], start), cell)
            for cell in document["methods"]
            if cell["name"] == name
            and cell["strength"] > 0
            and (found := measured(cell, by))
            and found["value"] is not None
        ]
        within = [(cost, cell["strength"], cell) for cost, cell in costs if cost <= budget]
        best = max(within, key=lambda one: one[:2])[2] if within else None
        if costs:
            rows.append(
                {
                    "name": name,
                    "strength": best and best["strength"],
                    "harmful": best and best["harmful"],
                    "damage": best and best[by],
                    "p_adjusted": best and best.get("p_adjusted"),
                }
            )
    return rows
