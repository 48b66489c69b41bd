"""`neuroswitch inspect`: what is in a saved circuit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from neuroswitch.cli.console import console

if TYPE_CHECKING:
    from neuroswitch.circuits import Circuit


def inspect_circuit(
    circuit: Annotated[Path, typer.Argument(help="Folder of a circuit.")],
    *,
    model: Annotated[
        str | None,
        typer.Option(help="The circuit's model, to list the tokens that each neuron promotes."),
    ] = None,
    top: Annotated[int, typer.Option(help="How many neurons to list.", min=1)] = 20,
) -> None:
    """List the layers and the strongest neurons of a circuit."""
    from neuroswitch.circuits import load as load_circuit

    found = load_circuit(circuit)
    made = found.provenance
    console.print(
        f"{len(found)} neurons ({found.fraction:.3%}) of {made.model['name']}, "
        f"ranking {made.ranking}, contrast set {made.contrast}, {made.date}",
        markup=False,
    )
    if shared := found.sharing():
        console.print(f"{shared} of them lie in layers that share their weights with other layers.")
    console.print(layers_table(found))
    console.print(neurons_table(found.strongest(top), model))


def layers_table(circuit: "Circuit") -> Table:
    """Lay out how many neurons each layer has, with a bar."""
    table = Table(title="neurons by layer")
    table.add_column("layer", justify="right")
    table.add_column("neurons", justify="right")
    table.add_column("")
    by_layer = circuit.by_layer()
    most = max(by_layer.values())
    for layer, count in by_layer.items():
        table.add_row(str(layer), str(count), "█" * max(1, round(30 * count / most)))
    return table


def neurons_table(circuit: "Circuit", model: str | None) -> Table:
    """Lay out the neurons of a circuit, strongest first."""
    table = Table(title="strongest neurons")
    for heading in ("layer", "neuron", "score", "mean, positive", "mean, negative"):
        table.add_column(heading, justify="right")
    tokens = _tokens(circuit, model)
    if tokens:
        table.add_column("promotes", overflow="fold")
    for i in circuit.scores.abs().argsort(descending=True).tolist():
        neuron = circuit.neurons()[i]
        name = str(neuron.index) if neuron.expert is None else f"{neuron.index} of expert {neuron.expert}"
        values = (circuit.scores[i], circuit.positive_mean[i], circuit.negative_mean[i])
        cells = [f"{float(value):.4g}" for value in values]
        promoted = [" ".join(map(repr, tokens[i]))] if tokens else []
        table.add_row(str(neuron.layer), name, *cells, *promoted)
    return table


def _tokens(circuit: "Circuit", model: str | None) -> list[list[str]] | None:
    from neuroswitch.circuits import check_model, promoted_tokens
    from neuroswitch.models import load_model

    if model is None:
        return None
    loaded = load_model(model)
    check_model(circuit, loaded)
    return promoted_tokens(loaded, circuit, count=6)
