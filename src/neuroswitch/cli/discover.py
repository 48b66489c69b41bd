"""`neuroswitch discover`: find a circuit and save it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neuroswitch.chat import ChatFormat
from neuroswitch.checkpoints import open_streamed, reading_weights
from neuroswitch.circuits import DESCRIPTION, Circuit
from neuroswitch.cli.console import bars, console
from neuroswitch.cli.inspect import layers_table
from neuroswitch.discovery import find_circuit, find_scores_streamed, select
from neuroswitch.experiment import (
    CircuitChoice,
    ExperimentSettings,
    PromptChoice,
    claim_folder,
    find_behaviour,
)
from neuroswitch.models import LoadOptions, load
from neuroswitch.options import Output, group
from neuroswitch.processes import written_once


def discover(
    *,
    model: str,
    output: Output = Path("circuit"),
    behaviour: str = "refusal",
    detector: str | None = None,
    multiplier: float = 0.0,
    stream: Annotated[bool, Parameter(negative="")] = False,
    circuit: Annotated[CircuitChoice, group("Circuit")] = CircuitChoice(),
    chat: Annotated[ChatFormat, group("Prompts")] = ChatFormat(),
    loading: Annotated[LoadOptions, group("Model")] = LoadOptions(),
) -> None:
    """Find the neurons behind a behaviour and save them as a circuit folder.

    Example: neuroswitch discover --model demo --output circuit

    Args:
        model: Hub id, folder, GGUF file, or 'demo'.
        output: Folder of the circuit; a search in it is continued.
        behaviour: Built-in contrast set, or a .jsonl or .csv file.
        detector: refusal, french, formal or contains:REGEX. Default: the behaviour's own.
        multiplier: What the PEFT adapter in the folder multiplies the neurons by.
        stream: Read the checkpoint layer by layer, if it is larger than memory. Name a --ranking.
    """
    known, strength = find_behaviour(behaviour, detector), 1.0 - multiplier
    settings = ExperimentSettings(
        models=(model,),
        loading=loading,
        prompts=PromptChoice(behaviour=behaviour, detector=detector),
        circuit=circuit,
        methods=("cna",),
        strengths=(strength or 1.0,),
        chat=chat,
    )
    with written_once(output) as folder:
        claim_folder(folder, settings)
    with bars() as progress:
        if (output / DESCRIPTION).exists():
            found = Circuit.load(output)
        elif stream:
            source = open_streamed(model, options=loading, progress=progress)
            scores, streamed = find_scores_streamed(
                source,
                known.contrast,
                output / "stream",
                ranking=circuit.ranking,
                chat=chat,
                progress=progress,
            )
            found = select(scores, circuit.size)
            with reading_weights(source):  # of the layers that the circuit is in, for its fingerprint
                found.save(output, model=streamed, strength=strength)
        else:
            loaded = load(model, options=loading, progress=progress)
            found = find_circuit(
                loaded,
                known.contrast,
                known.detector,
                ranking=circuit.ranking,
                size=circuit.size,
                chat=chat,
                progress=progress,
            )
            with written_once(output) as folder:
                found.save(folder, model=loaded, strength=strength)
    console.print(layers_table(found))
    console.print(f"Circuit: {output.resolve()}", soft_wrap=True)
