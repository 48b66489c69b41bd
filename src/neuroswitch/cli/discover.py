"""`neuroswitch discover`: find a circuit and save it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from neuroswitch.cli.console import bars, console, show_place
from neuroswitch.cli.inspect import layers_table
from neuroswitch.cli.options import Model, ModelOptions, Multiplier, Output
from neuroswitch.options import BehaviourChoice, CircuitChoice, PromptChoice
from neuroswitch.progress import Progress
from neuroswitch.values import Flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from neuroswitch.circuits import Circuit
    from neuroswitch.experiment import Behaviour, ExperimentSettings
    from neuroswitch.models import LanguageModel


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
    from neuroswitch.discovery import RANKINGS
    from neuroswitch.experiment import ExperimentSettings, claimed_discovery, find_behaviour
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
    behaviour = find_behaviour(options.prompts.behaviour, options.prompts.detector)
    search = _search_streamed if options.stream else _search
    with (
        written_once(output) as folder,
        claimed_discovery(folder, settings, behaviour) as claim,
        bars() as progress,
    ):
        found = search(_Asked(settings, behaviour, output, claim), folder, 1.0 - multiplier, progress)
    console.print(layers_table(found))
    show_place("Circuit", output)


@dataclass(frozen=True)
class _Asked:
    """What is searched for; `claim` is called with the model, and refuses another one than the folder's."""

    settings: "ExperimentSettings"
    behaviour: "Behaviour"
    output: Path
    claim: "Callable[[LanguageModel], None]"

    def found(self, model: "LanguageModel", weights: str | None = None) -> "Circuit | None":
        """Return the circuit that an earlier call has saved for this model; `weights` is a digest of its checkpoint."""
        from neuroswitch.circuits import DESCRIPTION, Circuit

        known = replace(model.identity, weights_sha256=weights or model.identity.weights_sha256)
        self.claim(replace(model, identity=known))
        return Circuit.load(self.output, model) if (self.output / DESCRIPTION).exists() else None


def _search(asked: _Asked, folder: Path, strength: float, progress: Progress) -> "Circuit":
    from neuroswitch.discovery import find_circuit
    from neuroswitch.models import load_model

    settings = asked.settings
    model = load_model(settings.models[0], options=settings.loading, progress=progress)
    if (saved := asked.found(model)) is not None:
        return saved
    found = find_circuit(
        model,
        asked.behaviour.contrast,
        asked.behaviour.detector,
        ranking=settings.circuit.ranking,
        size=settings.circuit.size,
        dose=settings.circuit.dose,
        chat=settings.chat,
        progress=progress,
    )
    found.save(folder, model=model, strength=strength)
    return found


def _search_streamed(asked: _Asked, folder: Path, strength: float, progress: Progress) -> "Circuit":
    from neuroswitch.checkpoints import open_streamed, reading_weights
    from neuroswitch.discovery import find_scores_streamed, select

    settings = asked.settings
    source = open_streamed(settings.models[0], options=settings.loading, progress=progress)
    if (saved := asked.found(source.model, source.weights.checkpoint.sample())) is not None:
        return saved
    scores, model = find_scores_streamed(
        source,
        asked.behaviour.contrast,
        folder / "stream",
        ranking=settings.circuit.ranking,
        chat=settings.chat,
        progress=progress,
    )
    found = select(scores, settings.circuit.size, dose=settings.circuit.dose)
    with reading_weights(source):  # of the layers that the circuit is in, for its fingerprint
        found.save(folder, model=model, strength=strength)
    return found
