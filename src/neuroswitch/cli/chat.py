"""`neuroswitch chat`: the untouched and the steered model side by side."""

from pathlib import Path
from typing import Annotated

from rich.columns import Columns
from rich.panel import Panel
from rich.text import Text

from neuroswitch.answering import Decoding, Dialogue, ask_both
from neuroswitch.chat import ChatFormat
from neuroswitch.circuits import Circuit
from neuroswitch.cli.console import console
from neuroswitch.methods import Scaling
from neuroswitch.models import LoadOptions, load
from neuroswitch.options import group

HELP = "Commands: /multiplier X changes the multiplier, /reset forgets the conversation, /quit ends."


def chat(
    circuit: Path,
    /,
    *,
    model: str,
    multiplier: float = 0.0,
    max_new_tokens: int = 200,
    format: Annotated[ChatFormat, group("Prompts")] = ChatFormat(),
    loading: Annotated[LoadOptions, group("Model")] = LoadOptions(),
) -> None:
    """Talk to a model with a circuit scaled and not, side by side.

    Example: neuroswitch chat circuit --model demo

    Args:
        circuit: Folder of a circuit.
        model: Hub id, folder, GGUF file, or 'demo'.
        multiplier: 0 ablates, 1 changes nothing, above 1 amplifies.
        max_new_tokens: Length limit of an answer, in tokens.
    """
    loaded = load(model, options=loading)
    found = Circuit.load(circuit, loaded)
    dialogue = Dialogue()
    console.print(f"{len(found)} neurons x {multiplier:g}. {HELP}", markup=False)
    while True:
        try:
            said = console.input("[bold]you>[/] ").strip()
        except EOFError:
            return
        word, _, value = said.partition(" ")
        if word == "/quit":
            return
        if word == "/reset":
            dialogue = Dialogue()
        elif word == "/multiplier":
            multiplier = _number(value, multiplier)
            console.print(f"multiplier {multiplier:g}")
        elif word.startswith("/"):
            console.print(HELP, markup=False)
        elif said:
            dialogue = ask_both(
                loaded,
                Scaling(found, 1.0 - multiplier),
                dialogue,
                said,
                decoding=Decoding(max_new_tokens=max_new_tokens),
                chat=format,
            )
            _show(dialogue.untouched[-1].content, dialogue.steered[-1].content, multiplier)


def _number(text: str, unchanged: float) -> float:
    try:
        return float(text)
    except ValueError:
        console.print(f"not a number: {text!r}", markup=False)
        return unchanged


def _show(untouched: str, steered: str, multiplier: float) -> None:
    width = max(24, console.width // 2 - 1)
    panels = [
        Panel(Text(untouched), title="untouched", width=width),
        Panel(Text(steered), title=f"circuit x {multiplier:g}", width=width),
    ]
    console.print(Columns(panels))
