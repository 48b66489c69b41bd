"""`neuroswitch discover`: find a circuit and save it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neuroswitch.cli.console import bars, console, show_place
from neuroswitch.cli.inspect import layers_table
from neuroswitch.cli.options import Model, ModelOptions, Multiplier, Output
from neuroswitch.options import BehaviourChoice, CircuitChoice, Flag, PromptChoice
from neuroswitch.progress import Progress

if TYPE_CHECKING:
    from neuroswitch.circuits import Circuit
    from neuroswitch.experiment import Behaviour, ExperimentSettings


@dataclass(frozen=True, kw_only=True)
class DiscoverOptions(ModelOptions):
    """How a circuit is found."""

    prompts: BehaviourChoice = BehaviourChoice()
    circuit: CircuitChoice = CircuitChoice()
    stream: Flag = False
    """Read the checkpoint layer by layer, if it is larger than memory. Name a --ranking."""


def discover_command(
    *,
    model: Model,
    output: Output = Path("circuit"),
    multiplier: Multiplier = 0.0,
    options: DiscoverOptions = DiscoverOptions(),
) -> None:
    """Find the neurons behind a behaviour and save them as a circuit folder.

    The folder is a PEFT adapter too, which multiplies the neurons by --multiplier.

    Example:
        neuroswitch discover --model demo --output circuit
    """
    from neuroswitch.circuits import DESCRIPTION, Circuit
    from neuroswitch.discovery import RANKINGS
    from neuroswitch.experiment import ExperimentSettings, claim_folder, find_behaviour
    from neuroswitch.models import require_device
    from neuroswitch.processes import written_once

    RANKINGS.get(options.circuit.ranking)
    require_device(options.loading.device)
    settings = ExperimentSettings(
        models=(model,),
        loading=options.loading,
        prompts=PromptChoice(**vars(options.prompts)),
        circuit=options.circuit,
        methods=("cna",),
        strengths=((1.0 - multiplier) or 1.0,),
        chat=options.chat,
    )
    with written_once(output) as folder:
        claim_folder(folder, settings)
    if (output / DESCRIPTION).exists():
        found = Circuit.load(output)
    else:
        behaviour = find_behaviour(options.prompts.behaviour, options.prompts.detector)
        search = _search_streamed if options.stream else _search
        with bars() as progress:
            found = search(settings, behaviour, output, 1.0 - multiplier, progress)
    console.print(layers_table(found))
    show_place("Circuit", output)


def _search(
    asked: "ExperimentSettings", behaviour: "Behaviour", output: Path, strength: float, progress: Progress
) -> "Circuit":
    from neuroswitch.discovery import find_circuit
    from neuroswitch.models import load_model
    from neuroswitch.processes import written_once

    model = load_model(asked.models[0], options=asked.loading, progress=progress)
    found = find_circuit(
        model,
        behaviour.contrast,
        behaviour.detector,
        ranking=asked.circuit.ranking,
        size=asked.circuit.size,
        chat=asked.chat,
        progress=progress,
    )
    with written_once(output) as folder:
        found.save(folder, model=model, strength=strength)
    return found


def _search_streamed(
    asked: "ExperimentSettings", behaviour: "Behaviour", output: Path, strength: float, progress: Progress
) -> "Circuit":
    from neuroswitch.checkpoints import open_streamed, reading_weights
    from neuroswitch.discovery import find_scores_streamed, select

    source = open_streamed(asked.models[0], options=asked.loading, progress=progress)
    scores, model = find_scores_streamed(
        source,
        behaviour.contrast,
        output / "stream",
        ranking=asked.circuit.ranking,
        chat=asked.chat,
        progress=progress,
    )
    found = select(scores, asked.circuit.size)
    with reading_weights(source):  # of the layers that the circuit is in, for its fingerprint
        found.save(output, model=model, strength=strength)
    return found
