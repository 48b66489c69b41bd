"""Mixtures of experts: whether the router chooses other experts."""

from neuroswitch.report.view import View
from neuroswitch.report.words import percent, whole


def section(view: View) -> dict[str, object] | None:
    """Return how far the first method that scales neurons moves the router; None without a router."""
    moved = [cell for cell in view.summary.cells if "routing" in cell.measures and cell.method != "random"]
    if not moved:
        return None
    cell = moved[0]
    found = cell.measures["routing"]
    share = "stayed as they were" if not found.value else f"changed in {percent(found.value)} of cases"
    sentence = (
        f"Under the intervention, the experts chosen at the last token of {found.n} held-out prompts, in the"
        f" layers with a router, {share}."
    )
    facts, unused = view.facts(cell), cell.measures.get("routing_unused")
    if facts and facts.circuit and facts.circuit.experts and unused and unused.value is not None:
        sentence += (
            f" {whole(unused.value)} of the circuit's {whole(facts.circuit.experts)} neurons in experts belong to"
            " experts that the untouched model chose for none of them."
        )
    names = ("routing", "routing_first", "routing_kept")
    where = ", ".join(f"{layer} ({count})" for layer, count in cell.layers_moved.items())
    return {
        "sentence": sentence,
        "rows": [(view.summary.measures[name].title, cell.measures[name]) for name in names],
        "where": where or "none",
    }
