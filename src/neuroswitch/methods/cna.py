"""Contrastive neuron attribution: scale the neurons of a circuit at every token position.

`cna` finds the circuit of a ranking, `cna-paper` that of the paper, `cna-tuned` chooses size and dose on
validation prompts, `circuit:FOLDER` reads a saved one. `random` and `largest` are controls: they scale as many
neurons, chosen without regard to the behaviour.

Source: Herring, Naviasky & Malhotra (arXiv:2605.12290), steps 1 to 6.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from neuroswitch.activations import read_last_token, scaled_neurons
from neuroswitch.batching import compute_prefix
from neuroswitch.chat import ChatFormat, encode, read_token
from neuroswitch.circuits import HOW, Circuit, check_model, found_with, random_circuit, with_prompts
from neuroswitch.discovery import RANKINGS, Scores, budget, select
from neuroswitch.errors import BadCircuit, BadOption, BadRun
from neuroswitch.methods.base import METHODS, ChangesModel, Method, MethodFactory, Task
from neuroswitch.methods.differences import mean_over
from neuroswitch.methods.tuning import choose_at_damage, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet
from neuroswitch.provenance import Provenance
from neuroswitch.records import LARGEST
from neuroswitch.storage import new_folder

SIZES = (0.5, 1, 2)
"""The sizes that `cna-tuned` tries, as multiples of the task's; at equal results the smallest is kept."""


@dataclass(frozen=True)
class Scaling:
    """Scale the neurons of a circuit: neuron j is multiplied by 1 - strength * dose_j.

    Attributes:
        circuit: Which neurons, with their doses.
        strength: 0 is the identity, 1 ablates neurons of dose 1, below 0 amplifies.

    Examples:
        >>> ns.Scaling(circuit, -1.0).multiplier
        2.0
    """

    circuit: Circuit
    strength: float

    @property
    def multiplier(self) -> float:
        """What a neuron of dose 1 is multiplied by."""
        return 1.0 - self.strength

    @property
    def name(self) -> str:
        """Ranking, size and strength."""
        return f"{self.circuit.provenance.ranking}, {len(self.circuit)} neurons, strength {self.strength:g}"

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the neurons are scaled.

        Raises:
            WrongModel: The circuit was made for another model.
            BadOption: The strength is not finite.
        """
        check_model(self.circuit, model)
        return scaled_neurons(model, self.circuit.ids, self.circuit.multipliers(self.strength))


def scaled(
    model: LanguageModel, circuit: Circuit, multiplier: float | None = None, *, strength: float | None = None
) -> AbstractContextManager[None]:
    """Scale a circuit while the block is open.

    Args:
        model: The circuit's model.
        circuit: Which neurons, with their doses.
        multiplier: What neurons of dose 1 are multiplied by: 0 ablates, 1 changes nothing, 2 doubles.
        strength: The same as 1 - multiplier; exactly one of the two is given.

    Raises:
        BadOption: Both or neither are given.
        WrongModel: The circuit was made for another model.

    Examples:
        >>> with ns.scaled(model, circuit, multiplier=0.0):
        ...     ablated = ns.generate(model, prompts)
        >>> len(ablated) == len(prompts)
        True
    """
    if (multiplier is None) == (strength is None):
        raise BadOption("give either a multiplier or a strength", expected="multiplier=0.0, or strength=1.0")
    return Scaling(circuit, strength if strength is not None else 1.0 - (multiplier or 0.0)).applied(model)


@dataclass(frozen=True)
class FittedCircuit(ChangesModel):
    """A circuit as a fitted method."""

    circuit: Circuit

    @property
    def description(self) -> str:
        """What is scaled, and how it was chosen."""
        made, doses = self.circuit.provenance, self.circuit.doses.unique().tolist()
        dose = " x dose" if len(doses) > 1 else "" if doses == [1.0] else f" x {doses[0]:g}"
        chosen = made.arguments.get(
            HOW,
            f"chosen by the ranking {made.ranking!r} on the discovery prompts of {made.contrast!r}, with no"
            " setting tuned",
        )
        share = 100 * self.circuit.fraction
        return (
            f"multiplies {len(self.circuit)} neurons ({share:.2g} % of all) by 1 - strength{dose} at every"
            f" position; {chosen}"
        )

    def at(self, strength: float) -> Scaling:
        """Return the scaling of a strength."""
        return Scaling(self.circuit, strength)

    def save(self, folder: Path) -> None:
        """Write a circuit folder."""
        with new_folder(folder) as staging:
            self.circuit.save(staging)


CIRCUIT_CURVE = (0.25, 0.5, 1.0, 1.5)
"""A quarter of a circuit's doses, half, all of them, and more: with dose 2, multipliers 0.5, 0, -1 and -2."""

CONTROL_CURVE = (1.0,)
"""Random neurons are there to show that a circuit is not any neurons: they get its doses once."""

Choose = Callable[[LanguageModel, Task, Progress], Circuit]
"""From a model and a task to the circuit that a method scales."""


@dataclass(frozen=True)
class CircuitMethod:
    """A method that scales a circuit; it is saved as a circuit folder.

    Attributes:
        choose: Finds, reads or draws the circuit.
        curve: Strengths at which it is compared unless others are asked for.
    """

    choose: Choose
    curve: tuple[float, ...] = CIRCUIT_CURVE

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedCircuit:
        """Choose the circuit.

        Raises:
            BadCircuit: A folder that was named is no circuit.
            BadOption: Too few neurons promote the behaviour for a circuit of the size that is asked for.
            WeakBehaviour: Answers that show the behaviour are needed, and there are none.
            WrongModel: A saved circuit was made for another model.
        """
        return FittedCircuit(self.choose(model, task, progress))

    def load(self, folder: Path, model: LanguageModel) -> FittedCircuit:
        """Read a circuit folder."""
        try:
            return FittedCircuit(Circuit.load(folder, model))
        except BadCircuit as error:
            raise BadRun(
                f"{folder} does not hold a complete circuit", found=str(error), do="remove it and fit again"
            ) from error


def _ranked(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Find the circuit of the task's ranking, size and dose: the method `cna`."""
    return selected(task.scores(model, progress=progress), task.size, task.dose)


def _published(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Find the circuit as the paper does, whatever the task says: the method `cna-paper`."""
    return _ranked(model, replace(task, ranking="delta", size=0.001, dose=1.0), progress)


def _tuned(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Rank once, bring circuits of several sizes to the same damage, and keep the best: the method `cna-tuned`.

    The paper ablates 0.1 % of all neurons. Fewer neurons with doses above 1, so that they are reversed, can leave
    less of the behaviour at the same damage; which size does is chosen on validation prompts.
    """
    scores, usual = task.scores(model, progress=progress), budget(task.size, model.layout.size)
    circuits = _of_several_sizes(scores, usual)
    validation = validation_of(model, task, progress=progress)
    candidates = [partial(Scaling, circuit) for circuit in circuits]
    choice = choose_at_damage(model, task, validation, candidates, progress)
    found = (
        f"chosen by the ranking {task.ranking!r} on the discovery prompts of {task.contrast.name!r}; how many"
        f" of {[len(one) for one in circuits]}, each with the dose of the damage allowed, here {choice.strength:g},"
        f" was {choice.how}"
    )
    return chosen_by(circuits[choice.place].dosed(choice.strength), task, found)


def chosen_by(circuit: Circuit, task: Task, how: str) -> Circuit:
    """Write into a circuit how it was chosen, and that validation prompts were seen."""
    seen = with_prompts(circuit.provenance.found, [one for pile in task.contrast.validation for one in pile])
    return explained(replace(circuit, provenance=replace(circuit.provenance, found=seen)), how)


def _drawn(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Draw random neurons, as many of each site as the task's circuit has: the method `random`.

    The circuit is found first if the task holds none.
    """
    matched = task.circuit or _ranked(model, task, progress)
    how = (
        f"random neurons, as many of each site as the circuit of the ranking {matched.provenance.ranking!r}"
        f" has there, none of its own; seed {task.seed}, nothing tuned"
    )
    return explained(random_circuit(matched, seed=task.seed), how)


def _largest(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Return the largest neurons on the positive discovery prompts: the method `largest`."""
    found = largest_circuit(model, task.contrast, size=task.size, chat=task.chat, progress=progress)
    return found.dosed(task.dose)


def largest_circuit(
    model: LanguageModel,
    contrast: ContrastSet,
    *,
    size: float,
    chat: ChatFormat = ChatFormat(),
    progress: Progress = silent,
) -> Circuit:
    """Return the neurons with the largest mean |activation| at the last token of the positive discovery prompts.

    Args:
        model: The model, untouched.
        contrast: Only its positive discovery prompts are read.
        size: Below 1 a fraction of all neurons, else a count.
        chat: System prompt and thinking mode.
        progress: Called after each batch.

    Returns:
        The circuit, with dose 1 for every neuron and without evidence.

    Raises:
        BadOption: The size gives no neuron, or more than the model has.

    Examples:
        >>> len(ns.largest_circuit(model, contrast, size=5))
        5
    """
    positive = contrast.discovery.positive
    prompts = [encode(model.tokenizer, prompt, chat) for prompt in positive]
    prefix = compute_prefix(model, prompts)

    def summed(batch: Sequence[Sequence[int]]) -> Tensor:
        return read_last_token(model, batch, prefix).neurons.double().abs().sum(0)

    mean = mean_over(prompts, summed, progress=progress, stage="read positive prompts")
    largest = mean.topk(budget(size, model.layout.size)).indices.sort().values
    how = (
        "the largest by mean |activation| at the last token of the positive discovery prompts of"
        f" {contrast.name!r}; nothing tuned"
    )
    read = Counter(read_token(model.tokenizer, ids).text for ids in prompts)
    provenance = Provenance(
        asdict(model.identity),
        contrast.sha256,
        contrast.name,
        LARGEST,
        {HOW: how},
        found=found_with([positive], chat, read),
    )
    return Circuit(layout=model.layout, ids=largest, doses=torch.ones(len(largest)), provenance=provenance)


def selected(scores: Scores, size: float, dose: float = 1.0) -> Circuit:
    """Select a circuit without date and command."""
    return undated(select(scores, size, dose=dose))


def undated(circuit: Circuit) -> Circuit:
    """Leave date and command out of a circuit, so that equal fits are equal files."""
    return replace(circuit, provenance=replace(circuit.provenance, date="", command=""))


def _of_several_sizes(scores: Scores, usual: int) -> list[Circuit]:
    """Return circuits of `SIZES` times the usual size, as far as there are enough neurons."""
    circuits: list[Circuit] = []
    for count in dict.fromkeys(max(1, round(factor * usual)) for factor in SIZES):
        try:
            circuits.append(selected(scores, count))
        except BadOption:
            if not circuits:
                raise
    return circuits


def explained(circuit: Circuit, how: str) -> Circuit:
    """Say in the circuit's provenance how it was chosen."""
    made = circuit.provenance
    return replace(circuit, provenance=replace(made, arguments={**made.arguments, HOW: how}))


def by_ranking(choose: Choose) -> MethodFactory:
    """Return a factory of methods whose argument is the name of a ranking; without one it is the task's."""

    def made(argument: str) -> Method:
        if not argument:
            return CircuitMethod(choose)
        RANKINGS.get(argument)
        return CircuitMethod(
            lambda model, task, progress: choose(model, replace(task, ranking=argument), progress)
        )

    return made


METHODS.register("cna")(by_ranking(_ranked))
METHODS.register("cna-tuned")(by_ranking(_tuned))
METHODS.register_fixed("cna-paper", CircuitMethod(_published))
METHODS.register_fixed("largest", CircuitMethod(_largest))


@METHODS.register("circuit")
def _circuit(argument: str) -> Method:
    if not argument:
        raise BadOption("the method 'circuit' needs a folder", expected="circuit:FOLDER")
    return CircuitMethod(lambda model, task, progress: Circuit.load(argument, model))


@METHODS.register("random")
def _random(argument: str) -> Method:
    if argument and not argument.isdecimal():
        raise BadOption("the method 'random' takes a seed", found=f"random:{argument}", expected="random:3")
    if not argument:
        return CircuitMethod(_drawn, CONTROL_CURVE)
    seed = int(argument)
    return CircuitMethod(
        lambda model, task, progress: _drawn(model, replace(task, seed=seed), progress), CONTROL_CURVE
    )
