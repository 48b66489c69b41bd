"""Neurons set to constants, as a fitted method; and the task's circuit with each neuron at its negative mean.

`cna-pinned` takes the neurons that `cna` takes, and sets each to its mean on the negative discovery prompts
instead of multiplying it: the neuron then says what it says on average where the behaviour is not asked for.

Source: mean ablation, as in Li & Janson, "Optimal ablation for interpretability" (arXiv:2409.09951), with the mean
of one class.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.activations import anchored_neurons, pinned_neurons
from neuroswitch.discovery import RANKINGS, select
from neuroswitch.methods.base import METHODS, Method, Task
from neuroswitch.methods.fitted import FittedChange, damaged, identity, load_fitted
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

NEURONS = {"ids": (torch.int64, (-1,)), "values": (torch.float32, (-1,))}
GAPS = {"gaps": (torch.float32, (-1,))}


def pinning(
    model: LanguageModel,
    ids: Int64[Tensor, " k"],
    values: Float[Tensor, " k"],
    method: str = "candidate",
    description: str = "",
) -> FittedChange:
    """Return the method that sets neurons to (1 - strength) times their value + strength times a constant."""
    return FittedChange(method, description, identity(model), _pin, {"ids": ids, "values": values})


def anchoring(
    model: LanguageModel,
    pins: tuple[Int64[Tensor, " k"], Float[Tensor, " k"], Float[Tensor, " k"]],
    method: str = "candidate",
    description: str = "",
) -> FittedChange:
    """Return the method that anchors neurons; `pins` are ids, constants and gaps of `anchored_neurons`."""
    tensors = dict(zip(("ids", "values", "gaps"), pins, strict=True))
    return FittedChange(method, description, identity(model), _anchor, tensors)


def _pin(fitted: FittedChange, strength: float, model: LanguageModel) -> AbstractContextManager[None]:
    return pinned_neurons(model, fitted.tensors["ids"], fitted.tensors["values"], strength=strength)


def _anchor(fitted: FittedChange, strength: float, model: LanguageModel) -> AbstractContextManager[None]:
    ids, values, gaps = (fitted.tensors[name] for name in ("ids", "values", "gaps"))
    return anchored_neurons(model, ids, values, gaps, strength=strength)


def load_pinning(folder: Path, method: str, model: LanguageModel) -> FittedChange:
    """Read a pinning, and refuse one of neurons that the model does not have."""
    return _checked(folder, load_fitted(folder, method, model, _pin, NEURONS), model)


def load_anchoring(folder: Path, method: str, model: LanguageModel) -> FittedChange:
    """Read an anchoring, and refuse one of neurons that the model does not have."""
    return _checked(folder, load_fitted(folder, method, model, _anchor, {**NEURONS, **GAPS}), model)


def _checked(folder: Path, fitted: FittedChange, model: LanguageModel) -> FittedChange:
    ids = fitted.tensors["ids"]
    if len({len(one) for one in fitted.tensors.values()}) > 1 or len(set(ids.tolist())) < len(ids):
        raise damaged(folder, "neurons without exactly one constant each")
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < model.layout.size:
        raise damaged(folder, f"neurons outside of the model's {model.layout.size}")
    return fitted


@dataclass(frozen=True)
class PinnedCircuit:
    """The method `cna-pinned`.

    Attributes:
        ranking: The ranking by which neurons are chosen; empty for the task's.
    """

    ranking: str = ""

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedChange:
        """Find the circuit and the constants; nothing is tuned.

        Raises:
            BadOption: Too few neurons promote the behaviour for a circuit of the size that is asked for.
            UnsupportedModel: A neuron of the circuit is one of an expert.
            WeakBehaviour: Answers that show the behaviour are needed, and there are none.
        """
        task = replace(task, ranking=self.ranking or task.ranking)
        scores = task.scores(model, progress=progress)
        circuit = select(scores, task.size)
        means = scores.statistics.negative.neurons.mean[circuit.ids].float()
        with pinned_neurons(model, circuit.ids, means):
            pass  # opened once, so that neurons that cannot be pinned are refused before anything is saved
        description = (
            f"sets {len(circuit)} neurons ({100 * circuit.fraction:.2g} % of all) to (1 - strength) times their value"
            f" + strength times their mean on the negative prompts of {task.contrast.name!r}, at every position;"
            f" chosen by the ranking {task.ranking!r} on the discovery prompts, with no setting tuned"
        )
        return pinning(model, circuit.ids, means, "cna-pinned", description)

    def load(self, folder: Path, model: LanguageModel) -> FittedChange:
        """Read the neurons and their constants."""
        return load_pinning(folder, "cna-pinned", model)


@METHODS.register("cna-pinned")
def _cna_pinned(argument: str) -> Method:
    if argument:
        RANKINGS.get(argument)
    return PinnedCircuit(argument)
