"""Mixtures of experts: whether the router chooses other experts."""

from neuroswitch.report.sections.rates import own_cell
from neuroswitch.report.view import View
from neuroswitch.report.words import percent, thousands


def router_changes(view: View) -> dict[str, object] | None:
    """Return how far the first method that scales neurons moves the router; None without a router."""
    moved = [cell for cell in view.summary.cells if "routing" in cell.measures]
    if not moved:
        return None
    own = own_cell(view)
    cell = own if own in moved else moved[0]
    found, unused = cell.measures["routing"], cell.measures.get("routing_unused")
    changed = "stayed as they were" if not found.value else f"changed in {percent(found.value)} of cases"
    sentence = (
        f"With {view.label(cell)}, the experts chosen at the last token of {found.n} held-out prompts, in the "
        f"layers with a router, {changed}."
    )
    circuit = view.circuit_of(cell)
    if circuit and circuit.experts and unused and unused.value is not None:
        sentence += (
            f" {thousands(unused.value)} of the circuit's {thousands(circuit.experts)} neurons in experts belong "
            "to experts that the untouched model chose for none of them."
        )
    return {
        "sentence": sentence,
        "rows": [
            (view.summary.measures[name].title, cell.measures[name])
            for name in ("routing", "routing_first", "routing_kept")
            if name in cell.measures
        ],
        "where": ", ".join(f"{layer} ({count})" for layer, count in cell.layers_moved.items()) or "none",
    }
