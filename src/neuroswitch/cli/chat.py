"""`neuroswitch chat`: the untouched and the steered model side by side."""

import math
from dataclasses import asdict

from rich.columns import Columns
from rich.panel import Panel
from rich.text import Text

from neuroswitch.cli.console import console, show, show_note
from neuroswitch.cli.options import CircuitFolder, Model, ModelOptions, Multiplier
from neuroswitch.errors import BadPrompts
from neuroswitch.values import Count

HELP = "Commands: /multiplier X changes the multiplier, /reset forgets the conversation, /quit ends."


def chat_command(
    circuit: CircuitFolder,
    /,
    *,
    model: Model,
    multiplier: Multiplier = 0.0,
    max_new_tokens: Count = 200,
    options: ModelOptions = ModelOptions(),
) -> None:
    """Talk to a model with a circuit scaled and not, side by side.

    Example:
        neuroswitch chat runs/demo/methods/cna --model demo

    Args:
        max_new_tokens: Length limit of an answer, in tokens.
    """
    from neuroswitch.answering import Decoding, Dialogue, ask_both
    from neuroswitch.circuits import Circuit, differences
    from neuroswitch.methods import Scaling
    from neuroswitch.models import load_model

    loaded = load_model(model, options=options.loading)
    found = Circuit.load(circuit, loaded)
    dialogue, decoding = Dialogue(), Decoding(max_new_tokens=max_new_tokens)
    for sentence in differences(found.provenance, asdict(loaded.identity), options.chat):
        show_note(f"The circuit {sentence}.")
    show(f"{found.counted()} x {multiplier:g}. {HELP}")
    while True:
        try:
            line = console.input("[bold]you>[/] ", markup=True).strip()
        except EOFError:
            return
        word, _, value = line.partition(" ")
        if word == "/quit":
            return
        if word == "/reset":
            dialogue = Dialogue()
        elif word == "/multiplier":
            multiplier = _number(value, multiplier)
            show(f"multiplier {multiplier:g}")
        elif word.startswith("/"):
            show(HELP)
        elif line:
            steering = Scaling(found, 1.0 - multiplier)
            try:
                dialogue = ask_both(loaded, steering, dialogue, line, decoding=decoding, chat=options.chat)
            except BadPrompts as error:  # what was typed, such as control tokens; the conversation goes on
                show(str(error))
                continue
            answers = {
                "untouched": dialogue.untouched[-1].content,
                f"circuit x {multiplier:g}": dialogue.steered[-1].content,
            }
            width = max(24, console.width // 2 - 1)
            panels = [Panel(Text(text), title=title, width=width) for title, text in answers.items()]
            console.print(Columns(panels))


def _number(text: str, unchanged: float) -> float:
    try:
        found = float(text)
    except ValueError:
        show(f"not a number: {text!r}")
        return unchanged
    if math.isfinite(found):
        return found
    show(f"not a finite number: {text!r}")
    return unchanged
