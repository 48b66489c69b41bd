"""Contrastive neuron attribution with the size of its circuit chosen on validation prompts.

The paper fixes 0.1 % of all neurons. Methods that it is compared with choose their layers and scales;
this gives it the same choice, by the same rule.
"""

from dataclasses import dataclass, replace

from neuroswitch.circuits import Circuit
from neuroswitch.discovery import budget
from neuroswitch.errors import BadPrompts
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.methods.cna import TUNED, ContrastiveNeurons, FittedCircuit, Scaling, by_ranking, discover
from neuroswitch.methods.tuning import attempt_all, best, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

SIZES = (0.5, 1, 2, 5)
"""Times the task's size."""


@dataclass(frozen=True)
class TunedNeurons(ContrastiveNeurons):
    """The method: `cna`, fitted otherwise."""

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedCircuit:
        """Rank once, ablate circuits of several sizes, and keep the best.

        Raises:
            BadPrompts: Too few neurons score high enough for the smallest of them.
            WeakBehaviour: No answer to a validation prompt shows the behaviour.
        """
        task = replace(task, ranking=self.ranking or task.ranking)
        circuits = _circuits(model, task, progress)
        validation = validation_of(model, task, progress=progress)
        ablations = [Scaling(circuit, 0.0) for circuit in circuits]
        trials = attempt_all(model, task, validation, ablations, progress)
        chosen = best(trials, validation.baseline)
        how = (
            f"how many of {[len(one) for one in circuits]} was chosen on {len(validation.positive)} validation"
            f" prompts: {trials[chosen]}, against {validation.baseline} untouched"
        )
        made = circuits[chosen].provenance
        return FittedCircuit(
            replace(circuits[chosen], provenance=replace(made, arguments={**made.arguments, TUNED: how}))
        )


def _circuits(model: LanguageModel, task: Task, progress: Progress) -> list[Circuit]:
    """Return circuits of the sizes that the ranking has neurons for."""
    usual = budget(task.size, model.layout.size)
    circuits: list[Circuit] = []
    for count in dict.fromkeys(max(1, round(factor * usual)) for factor in SIZES):
        try:
            circuits.append(discover(model, replace(task, size=count), progress=progress))
        except BadPrompts:
            if not circuits:
                raise
    return circuits


METHODS.register("cna-tuned")(by_ranking(TunedNeurons))
