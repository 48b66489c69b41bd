"""Methods that scale neurons chosen without regard to the behaviour: at random, or the largest.

What a circuit does is only worth something beside what these do, with as many neurons.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from neuroswitch.activations import read_last_token, scaled_neurons
from neuroswitch.batching import compute_prefix, in_batches, plan_batches
from neuroswitch.chat import encode
from neuroswitch.discovery import budget
from neuroswitch.errors import BadRun, Prerequisite
from neuroswitch.methods.base import METHODS, ChangesModel, Method, Task
from neuroswitch.methods.cna import discover
from neuroswitch.methods.files import Identity, check_identity, identity, load_fit, save_fit
from neuroswitch.methods.random import random_neurons
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

BATCH = 32
SHAPES = {"ids": (torch.int64, (-1,))}


@dataclass(frozen=True, eq=False)
class ScaledSet:
    """Multiply a set of neurons; the intervention of a `FittedSet`."""

    name: str
    ids: Int64[Tensor, " neurons"]
    multiplier: float
    model: Identity

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the neurons are scaled.

        Raises:
            WrongModel: They were chosen in another model.
        """
        check_identity(self.model, model)
        return scaled_neurons(model, self.ids, torch.full((len(self.ids),), self.multiplier))


@dataclass(frozen=True, eq=False)
class FittedSet(ChangesModel):
    """A set of neurons as a fitted method; strength s multiplies them by 1 - s.

    Attributes:
        method: Name of the method.
        ids: Flat neuron ids, ascending.
        description: How they were chosen.
        model: Whose neurons they are.
    """

    method: str
    ids: Int64[Tensor, " neurons"]
    description: str
    model: Identity

    def at(self, strength: float) -> ScaledSet:
        """Return the scaling by 1 - strength."""
        name = f"{self.method}, {len(self.ids)} neurons x {1 - strength:g}"
        return ScaledSet(name, self.ids, 1 - strength, self.model)

    def save(self, folder: Path) -> None:
        """Write the ids and how they were chosen."""
        save_fit(folder, self.method, self.model, {"description": self.description}, {"ids": self.ids})


def _loaded(folder: Path, method: str, model: LanguageModel) -> FittedSet:
    saved = load_fit(folder, method, model, SHAPES)
    ids = saved.tensors["ids"]
    if not len(ids) or int(ids[0]) < 0 or int(ids[-1]) >= model.layout.size or bool((ids.diff() <= 0).any()):
        raise BadRun(f"{folder} does not hold neurons of this model", do="remove it and fit again")
    return FittedSet(method, ids, saved.settings["description"], saved.model)


@dataclass(frozen=True)
class RandomNeurons:
    """As many random neurons of each site as the task's circuit has there, none of its own.

    Attributes:
        seed: Of the draw; None takes the task's.
    """

    seed: int | None = None

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedSet:
        """Find the circuit to match, and draw."""
        circuit = discover(model, task, progress=progress)
        seed = task.seed if self.seed is None else self.seed
        ids = random_neurons(circuit, seed=seed)
        how = (
            f"multiplies {len(ids)} random neurons by 1 - strength at every position: as many of each site as"
            f" the circuit of the ranking {task.ranking!r} has there, none of its own; seed {seed}, nothing tuned"
        )
        return FittedSet("random", ids, how, identity(model))

    def load(self, folder: Path, model: LanguageModel) -> FittedSet:
        """Read the neurons."""
        return _loaded(folder, "random", model)


@dataclass(frozen=True)
class LargestNeurons:
    """The neurons with the largest mean |activation| on the positive prompts."""

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedSet:
        """Read the positive discovery prompts at their last token and keep the largest neurons."""
        positive = task.contrast.discovery.positive
        prompts = [encode(model.tokenizer, prompt, task.chat) for prompt in positive]
        prefix = compute_prefix(model, prompts)
        total = torch.zeros(model.layout.size, dtype=torch.float64)

        def summed(rows: Sequence[int]) -> Tensor:
            read = read_last_token(model, [prompts[i] for i in rows], prefix)
            return read.neurons.double().abs().sum(0)

        batches = plan_batches(list(map(len, prompts)), BATCH)
        for _, part in in_batches(summed, batches, progress=progress, stage="read positive prompts"):
            total += part
        ids = total.topk(budget(task.size, model.layout.size)).indices.sort().values
        how = (
            f"multiplies the {len(ids)} neurons with the largest mean |activation| at the last token of the"
            f" positive discovery prompts of {task.contrast.name!r} by 1 - strength at every position;"
            " nothing tuned"
        )
        return FittedSet("largest", ids, how, identity(model))

    def load(self, folder: Path, model: LanguageModel) -> FittedSet:
        """Read the neurons."""
        return _loaded(folder, "largest", model)


@METHODS.register("random")
def _random(argument: str) -> Method:
    if argument and not argument.isdecimal():
        raise Prerequisite(
            "the method 'random' takes a seed", found=f"random:{argument}", expected="such as random:3"
        )
    return RandomNeurons(int(argument) if argument else None)


@METHODS.register("largest")
def _largest(argument: str) -> Method:
    if argument:
        raise Prerequisite("the method 'largest' takes no argument", found=f"largest:{argument}")
    return LargestNeurons()
