"""`neuroswitch export`: a circuit in the form of another engine."""

from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import console


def export(
    circuit: Annotated[Path, typer.Argument(help="Folder of a circuit.")],
    *,
    model: o.Model,
    to: Annotated[
        str, typer.Option(help="ia3, lora (PEFT, vLLM, SGLang), gguf-lora, gguf (llama.cpp), weights, mlx.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write, or file for the two GGUF forms; new.")],
    multiplier: o.Multiplier = 0.0,
) -> None:
    """Write a circuit as other engines read it; for the form gguf, MODEL is the file to change a copy of."""
    from neuroswitch.circuits import export as export_circuit
    from neuroswitch.circuits import load as load_circuit

    written = export_circuit(load_circuit(circuit), model, to, output, multiplier=multiplier)
    console.print(f"{to}, multiplier {multiplier:g}: {written.resolve()}", soft_wrap=True, markup=False)
