"""`export`, `push`, `pull`: a circuit for other engines and other people."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neuroswitch.circuits import Circuit, find_facts
from neuroswitch.circuits import export as export_circuit
from neuroswitch.circuits import pull as pull_circuit
from neuroswitch.circuits import push as push_circuit
from neuroswitch.cli.console import console
from neuroswitch.options import Output


def export(circuit: Path, /, *, model: str, to: str, output: Output, multiplier: float = 0.0) -> None:
    """Write a circuit as other engines read it; for the form gguf, MODEL is the file to change a copy of.

    Example: neuroswitch export circuit --model demo --to lora --output lora

    Args:
        circuit: Folder of a circuit.
        model: Hub id, folder, GGUF file, or 'demo'.
        to: ia3, lora (PEFT, vLLM, SGLang), gguf-lora, gguf (llama.cpp), weights, mlx.
        output: Folder to write, or file for the two GGUF forms; new.
        multiplier: 0 ablates, 1 changes nothing, above 1 amplifies.
    """
    written = export_circuit(Circuit.load(circuit), model, to, output, strength=1.0 - multiplier)
    console.print(f"{to}, multiplier {multiplier:g}: {written.resolve()}", soft_wrap=True, markup=False)


def push(
    circuit: Path,
    target: str,
    /,
    *,
    summary: Path | None = None,
    licence: Annotated[str, Parameter(name="--license")] = "other",
    public: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Publish a circuit with a card: base model, behaviour, what was measured, limits.

    Example: neuroswitch push runs/demo/methods/cna ./shelf/refusal

    Args:
        circuit: Folder of a circuit.
        target: Hub repository (name/circuit), or a folder as a path: ./shelf/x.
        summary: summary.json whose results the card states. Default: that of the circuit's own experiment.
        licence: Licence of the circuit, as the Hub abbreviates it.
        public: Make a new repository public.
    """
    facts = find_facts(circuit, summary, license=licence)
    where = push_circuit(circuit, target, facts=facts, private=not public)
    told = (
        "with the results of its experiment"
        if facts.summary
        else "nothing was measured, and the card says so"
    )
    console.print(f"Pushed, {told}: {where}", soft_wrap=True, markup=False)


def pull(source: str, /, *, output: Output | None = None, revision: str | None = None) -> None:
    """Fetch a circuit and check it.

    Args:
        source: Hub repository (name/circuit), or a folder as a path.
        output: Where to put it. Default: the folder's own name, here.
        revision: Commit, tag or branch on the Hub.
    """
    found = pull_circuit(source, output or Path(Path(source).name), revision=revision)
    console.print(f"Circuit: {found.resolve()}", soft_wrap=True)
