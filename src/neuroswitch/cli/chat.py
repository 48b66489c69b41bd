"""`neuroswitch chat`: the untouched and the steered model side by side."""

from pathlib import Path
from typing import Annotated

import typer
from rich.columns import Columns
from rich.panel import Panel

from neuroswitch.cli import options as o
from neuroswitch.cli.console import console

HELP = "Commands: /multiplier X changes the multiplier, /reset forgets the talk, /quit ends."


def chat(  # noqa: PLR0913  one parameter per option of the command line
    circuit: Annotated[Path, typer.Argument(help="Folder of a circuit.")],
    *,
    model: o.Model,
    multiplier: o.Multiplier = 0.0,
    max_new_tokens: o.MaxNewTokens = 200,
    system: o.System = None,
    thinking: o.Thinking = None,
    sites: o.Sites = None,
    trust_remote_code: o.TrustRemoteCode = False,
) -> None:
    """Talk to a model with a circuit scaled and not, side by side."""
    from neuroswitch.answering import Decoding, Dialogue, ask_both
    from neuroswitch.chat import ChatFormat
    from neuroswitch.circuits import load as load_circuit
    from neuroswitch.methods import Scaling
    from neuroswitch.models import LoadOptions, load_model

    loaded = load_model(model, options=LoadOptions(sites=sites, trust_remote_code=trust_remote_code))
    found = load_circuit(circuit, loaded)
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
                Scaling(found, multiplier),
                dialogue,
                said,
                decoding=Decoding(max_new_tokens=max_new_tokens),
                chat=ChatFormat(system=system, thinking=thinking),
            )
            _show(dialogue.untouched[-1].content, dialogue.steered[-1].content, multiplier)


def _number(text: str, unchanged: float) -> float:
    try:
        return float(text)
    except ValueError:
        console.print(f"not a number: {text!r}", markup=False)
        return unchanged


def _show(untouched: str, steered: str, multiplier: float) -> None:
    from rich.text import Text

    width = max(24, console.width // 2 - 1)
    panels = [
        Panel(Text(untouched), title="untouched", width=width),
        Panel(Text(steered), title=f"circuit x {multiplier:g}", width=width),
    ]
    console.print(Columns(panels))
