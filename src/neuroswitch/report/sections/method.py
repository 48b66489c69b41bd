"""How the numbers came about: methods and measures in words, and the facts that are needed to repeat them."""

from collections.abc import Iterator, Mapping

from neuroswitch.options import UNITS
from neuroswitch.report.view import View

Record = tuple[str, Mapping[str, object]]
"""A heading, and facts by name."""


def how_measured(view: View) -> dict[str, object]:
    """Return what each method and measure is, the tables of facts, and the command."""
    summary, models = view.summary, view.summary.models
    provenance = summary.provenance
    methods = [
        (f"{name}, {model.name}" if view.two else name, method.description)
        for model in models.values()
        for name, method in model.methods.items()
    ]
    measures = [
        (view.rate_title if name == "behaviour" else info.title, _how(view, name))
        for name, info in summary.measures.items()
        if name != "benign"
    ]
    return {
        "described": [*methods, *measures],
        "records": list(_records(view)),
        "command": str(provenance.get("command", "")),
        "used": summary.ranking.used if view.circuits else "",
    }


def _how(view: View, measure: str) -> str:
    """Return how a measure was obtained, with its kind of interval: from the first changed row that has it."""
    taken = (cell.measures[measure] for cell in view.summary.changed() if measure in cell.measures)
    return next((one.how for one in taken), view.summary.measures[measure].how)


def _records(view: View) -> Iterator[Record]:
    summary = view.summary
    for role, model in summary.models.items():
        facts: dict[str, object] = {
            **model.identity,
            "layers": model.layers,
            UNITS[model.units]: model.neurons,
            "prompts are put to it": model.asked,
            "token read": model.token_read,
        }
        yield f"{role.capitalize()} model" if view.two else "Model", facts
    yield "Settings", summary.settings
    yield "Prompts", summary.prompts
    for role, circuit in view.circuits:
        facts = {
            key: value
            for key, value in circuit.provenance.items()
            if key not in ("model", "versions", "command", "found", "parts")
        }
        found = circuit.provenance.get("found")
        if isinstance(found, dict):  # without the digests of its prompts
            facts |= {key: value for key, value in found.items() if key != "prompts"}
        yield f"Circuit of {circuit.name}" + (f", {role} model" if view.two else ""), facts
    provenance = {key: value for key, value in summary.provenance.items() if key != "command"}
    if provenance:
        yield "Provenance", provenance
