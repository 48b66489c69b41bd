"""`export`, `push`, `pull`: a circuit for other engines and other people."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neuroswitch.cli.console import show, show_place
from neuroswitch.cli.options import CircuitFolder, Model, Multiplier, at_home
from neuroswitch.options import SourceOptions
from neuroswitch.values import Flag


def export_command(
    circuit: CircuitFolder,
    /,
    *,
    model: Model,
    to: str,
    output: Annotated[Path, Parameter(alias="-o", converter=at_home)],
    multiplier: Multiplier = 0.0,
    files: SourceOptions = SourceOptions(),
) -> None:
    """Write a circuit as other engines read it.

    For the form gguf, MODEL is the file of which a changed copy is written.

    Example:
        neuroswitch export runs/demo/methods/cna --model demo --to lora --output lora

    Args:
        to: ia3, lora (PEFT, vLLM, SGLang), gguf-lora, gguf (llama.cpp), weights, mlx.
        output: Folder to write, or file for the two GGUF forms; new.
    """
    from neuroswitch.circuits import Circuit, export

    written = export(Circuit.load(circuit), model, to, output, strength=1.0 - multiplier, files=files)
    show_place(f"{to}, multiplier {multiplier:g}", written)


def push_command(
    circuit: CircuitFolder,
    target: str,
    /,
    *,
    summary: Path | None = None,
    licence: Annotated[str, Parameter(name="--license")] = "other",
    public: Flag = False,
) -> None:
    """Publish a circuit with a card: base model, behaviour, what was measured, limits.

    Example:
        neuroswitch push runs/demo/methods/cna ./shelf/refusal

    Args:
        target: Hub repository (name/circuit), or a folder as a path: ./shelf/x.
        summary: summary.json whose results the card states. Default: that of the circuit's own experiment.
        licence: Licence of the circuit, as the Hub abbreviates it.
        public: Make a new repository public.
    """
    from neuroswitch.circuits import find_facts, push

    facts = find_facts(circuit, summary, license=licence)
    where = push(circuit, target, facts=facts, private=not public)
    results = (
        "the results of its experiment" if facts.summary else "a card that says that nothing was measured"
    )
    show(f"Pushed with {results}: {where}")


def pull_command(
    source: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o", converter=at_home)] = None,
    revision: str | None = None,
) -> None:
    """Fetch a circuit and check it.

    Example:
        neuroswitch pull ./shelf/refusal --output refusal

    Args:
        source: Hub repository (name/circuit), or a folder as a path.
        output: Where to put it; a circuit there is replaced. Default: the folder's own name, here, which must be free.
        revision: Commit, tag or branch on the Hub.
    """
    from neuroswitch.circuits import Circuit, base_note, pull, pull_here

    where = (
        pull_here(source, revision=revision) if output is None else pull(source, output, revision=revision)
    )
    show_place("Circuit", where)
    show(base_note(Circuit.load(where)))
