"""`neuroswitch inspect`: what is in a saved circuit."""

from typing import TYPE_CHECKING

from rich.table import Table

from neuroswitch.cli.console import console, show
from neuroswitch.cli.options import CircuitFolder
from neuroswitch.options import LoadOptions
from neuroswitch.values import Count

if TYPE_CHECKING:
    from neuroswitch.circuits import Circuit
    from neuroswitch.provenance import Provenance


def inspect_command(
    circuit: CircuitFolder,
    /,
    *,
    model: str | None = None,
    top: Count = 20,
    loading: LoadOptions = LoadOptions(),
) -> None:
    """List the layers and the strongest neurons of a circuit.

    Example:
        neuroswitch inspect runs/demo/methods/cna --model demo

    Args:
        model: The circuit's model, to list the tokens that each neuron promotes.
        top: How many neurons to list.
    """
    from neuroswitch.circuits import Circuit

    found = Circuit.load(circuit)
    made = found.provenance
    show(
        f"{found.counted()} ({found.fraction:.3%}) of {made.model['name']}, "
        f"ranking {made.ranking}, contrast set {made.contrast}, {made.date}"
    )
    for part in made.parts or (made,):
        show(how_found(part))
    if shared := found.sharing():
        show(f"{shared} of them lie in layers that share their weights with other layers.")
    console.print(layers_table(found))
    console.print(neurons_table(found.strongest(top), _tokens(found.strongest(top), model, loading)))


def how_found(made: "Provenance") -> str:
    """Say in one line under what conditions neurons were chosen."""
    template, dtype = str(made.model.get("template_sha256"))[:8], made.model.get("dtype")
    model = f"found by {made.ranking} in {dtype}, chat template {template}"
    if made.found is None:
        return f"{model}; system prompt and thinking mode are not recorded"
    thinking = {None: "the template's own", True: "on", False: "off"}[made.found.thinking]
    return f"{model}, system prompt {made.found.system!r}, thinking {thinking}, {len(made.found.prompts)} prompts"


def layers_table(circuit: "Circuit") -> Table:
    """Lay out how many neurons each layer has, with a bar."""
    table = Table(title=f"{circuit.layout.words} by layer")
    table.add_column("layer", justify="right")
    table.add_column("neurons", justify="right")
    table.add_column("")
    by_layer = circuit.by_layer()
    most = max(by_layer.values(), default=1)
    bar = "█" if console.encoding.lower().startswith("utf") else "#"
    for layer, count in by_layer.items():
        table.add_row(str(layer), str(count), bar * max(1, round(30 * count / most)))
    return table


def neurons_table(circuit: "Circuit", tokens: list[list[str]] | None) -> Table:
    """Lay out the neurons of a circuit, strongest first."""
    table = Table(title=f"strongest {circuit.layout.words}")
    columns = {"dose": circuit.doses, **circuit.evidence()}
    for heading in ("layer", "neuron", *(name.replace("_mean", " mean") for name in columns)):
        table.add_column(heading, justify="right")
    if tokens:
        table.add_column("promotes", overflow="fold")
    neurons, units = circuit.neurons(), {site.path: site.units for site in circuit.layout.sites}
    order = (circuit.doses if circuit.scores is None else circuit.scores).abs().argsort(descending=True)
    for i in order.tolist():
        neuron = neurons[i]
        name = str(neuron.index) if neuron.expert is None else f"{neuron.index} of expert {neuron.expert}"
        if circuit.layout.units == "both":
            name = f"{name} of {units[neuron.path]}"
        cells = [f"{float(values[i]):.4g}" for values in columns.values()]
        promoted = [" ".join(map(repr, tokens[i]))] if tokens else []
        table.add_row(str(neuron.layer), name, *cells, *promoted)
    return table


def _tokens(circuit: "Circuit", model: str | None, loading: "LoadOptions") -> list[list[str]] | None:
    from neuroswitch.circuits import check_model, promoted_tokens
    from neuroswitch.models import load_model

    if model is None:
        return None
    loaded = load_model(model, options=loading)
    check_model(circuit, loaded)
    return promoted_tokens(loaded, circuit, count=6)
