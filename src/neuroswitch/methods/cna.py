"""Contrastive neuron attribution: scale the neurons of a circuit at every token position.

Source: Herring, Naviasky & Malhotra (arXiv:2605.12290), steps 1 to 6.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakKeyDictionary

import torch

from neuroswitch.activations import scaled_neurons
from neuroswitch.circuits import Circuit, check_model, new_folder, save
from neuroswitch.circuits import load as load_circuit
from neuroswitch.discovery import RANKINGS, Reading, Scores, collect, rank, select
from neuroswitch.errors import BadCircuit, BadRun
from neuroswitch.methods.base import METHODS, ChangesModel, Method, MethodFactory, Task
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

TUNED = "size_chosen"
"""Argument in a circuit's provenance that says how its size was chosen, where it was."""


@dataclass(frozen=True)
class Scaling:
    """Multiply the neurons of a circuit.

    Attributes:
        circuit: Which neurons.
        multiplier: 0 ablates, 1 is the identity, above 1 amplifies; steering strength is 1 - multiplier.
    """

    circuit: Circuit
    multiplier: float

    @property
    def name(self) -> str:
        """Method, size and multiplier."""
        return f"cna {self.circuit.provenance.ranking}, {len(self.circuit)} neurons x {self.multiplier:g}"

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the neurons are scaled.

        Raises:
            WrongModel: The circuit was made for another model.
        """
        check_model(self.circuit, model)
        return scaled_neurons(model, self.circuit.ids, torch.full((len(self.circuit),), self.multiplier))


def scaled(model: LanguageModel, circuit: Circuit, multiplier: float) -> AbstractContextManager[None]:
    """Scale a circuit while the block is open.

    Example:
        >>> with scaled(model, circuit, multiplier=0.0):
        ...     answers = generate(model, prompts)
    """
    return Scaling(circuit, multiplier).applied(model)


@dataclass(frozen=True)
class FittedCircuit(ChangesModel):
    """A circuit as a fitted method; strength s multiplies its neurons by 1 - s."""

    circuit: Circuit

    @property
    def description(self) -> str:
        """Say what is scaled and how it was chosen."""
        made = self.circuit.provenance
        return (
            f"multiplies {len(self.circuit)} neurons ({100 * self.circuit.fraction:.2g} % of all) by 1 - strength"
            f" at every position; chosen by the ranking {made.ranking!r} on the discovery prompts of"
            f" {made.contrast!r}, {made.arguments.get(TUNED, 'with no setting tuned')}"
        )

    def at(self, strength: float) -> Scaling:
        """Return the scaling by 1 - strength."""
        return Scaling(self.circuit, 1 - strength)

    def save(self, folder: Path) -> None:
        """Write a circuit folder, as `circuits.files` defines it."""
        with new_folder(folder) as staging:
            save(self.circuit, staging)


@dataclass(frozen=True)
class ContrastiveNeurons:
    """The method: find a circuit, scale it.

    Attributes:
        ranking: Instead of the task's.
    """

    ranking: str | None = None

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedCircuit:
        """Find the circuit. Its date and command stay empty: equal fits are equal files."""
        return FittedCircuit(
            discover(model, replace(task, ranking=self.ranking or task.ranking), progress=progress)
        )

    def load(self, folder: Path, model: LanguageModel) -> FittedCircuit:
        """Read a circuit folder."""
        try:
            return FittedCircuit(load_circuit(folder, model))
        except BadCircuit as error:
            raise BadRun(
                f"{folder} does not hold a whole circuit", found=str(error), do="remove it and fit again"
            ) from error


_RANKED: WeakKeyDictionary[LanguageModel, dict[Task, Scores]] = WeakKeyDictionary()


def discover(model: LanguageModel, task: Task, *, progress: Progress = silent) -> Circuit:
    """Find the circuit of a task; one model and task are searched once in a process, whatever the size.

    Every random control is matched to this circuit, so it is asked for many times.

    Raises:
        WeakBehaviour: The ranking needs answers that show the behaviour, and there are none.
    """
    known = _RANKED.setdefault(model, {})
    sizeless = replace(task, size=1.0)
    if sizeless not in known:
        needs = RANKINGS.get(task.ranking).needs
        reading = Reading(chat=task.chat, needs=needs, shows=task.shows)
        statistics = collect(model, task.contrast, reading, progress=progress)
        known[sizeless] = rank(statistics, task.ranking, model)
    circuit = select(known[sizeless], task.size)
    return replace(circuit, provenance=replace(circuit.provenance, date="", command=""))


def by_ranking(kind: type[ContrastiveNeurons]) -> MethodFactory:
    """Return a factory that takes the text behind a method's colon for the name of a ranking."""

    def made(argument: str) -> Method:
        if argument:
            RANKINGS.get(argument)
        return kind(argument or None)

    return made


METHODS.register("cna")(by_ranking(ContrastiveNeurons))
