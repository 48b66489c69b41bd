"""Contrastive activation addition: a vector added to the residual stream behind one layer.

Source: Rimsky et al., "Steering Llama 2 via Contrastive Activation Addition" (arXiv:2312.06681). The
vector is the mean difference of the residual stream at the last prompt token. The paper adds it
behind the prompt only; we add it at every position, the prompt included, so that a prompt is read
in one state of the model whether or not its beginning was computed before.

Layer, sign and scale are chosen on validation prompts (`methods.tuning`): every layer and sign is
screened by the first token of the answer, the best are answered in full, with growing scale until
answers take harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from neuroswitch.activations import layer_paths
from neuroswitch.methods.additions import Addition, FittedAddition, load_addition
from neuroswitch.methods.base import METHODS, Method, Task, no_argument
from neuroswitch.methods.differences import mean_differences
from neuroswitch.methods.files import identity
from neuroswitch.methods.tuning import Trial, Validation, attempt, best, screen, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

LAYERS = 8
"""How many layers are screened, spread over the middle of the model."""

FINALISTS = 3
"""How many pairs of layer and sign are answered in full."""

MOST_KL = 3.0
"""Nats on negative prompts beyond which a pair is not answered in full, unless all are beyond."""

SIGNS = {-1.0: "away from", 1.0: "toward"}


class Setting(NamedTuple):
    """Where and how the mean difference is added: `factor` is sign times scale."""

    layer: int
    factor: float


def middle_layers(count: int, most: int) -> list[int]:
    """Return at most so many layers, evenly spread from a fifth to four fifths of the depth.

    Example:
        >>> middle_layers(24, 4)
        [4, 8, 13, 18]
    """
    first, last = count // 5, max(count // 5, int(0.8 * count) - 1)
    wanted = min(most, last - first + 1)
    return [first + step * (last - first) // max(wanted - 1, 1) for step in range(wanted)]


@dataclass(frozen=True)
class ContrastiveAddition:
    """The method."""

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedAddition:
        """Find the vectors of all layers and choose one.

        Raises:
            WeakBehaviour: No answer to a validation prompt shows the behaviour.
        """
        paths = layer_paths(model)
        vectors = mean_differences(model, task, paths, 1, progress=progress)[0]  # (layers, H)
        validation = validation_of(model, task, progress=progress)
        search = _Search(model, task, validation, paths, vectors)
        finalists = search.screened(progress)
        trials = search.attempted(finalists, progress)
        settings = list(trials)
        chosen = settings[best(list(trials.values()), validation.baseline)]
        return FittedAddition(
            method="caa",
            vectors={paths[chosen.layer]: chosen.factor * vectors[chosen.layer]},
            description=_described(task, validation, chosen, trials[chosen], len(trials)),
            model=identity(model),
        )

    def load(self, folder: Path, model: LanguageModel) -> FittedAddition:
        """Read the vector."""
        return load_addition(folder, "caa", model, layer_paths(model))


@dataclass(frozen=True)
class _Search:
    """One search for a setting."""

    model: LanguageModel
    task: Task
    validation: Validation
    paths: Sequence[str]
    vectors: Tensor

    def intervention(self, setting: Setting) -> Addition:
        vector = setting.factor * self.vectors[setting.layer]
        return Addition("caa, candidate", {self.paths[setting.layer]: vector}, identity(self.model))

    def screened(self, progress: Progress) -> list[Setting]:
        """Return the pairs of layer and sign after which answers begin least as the behaviour does."""
        layers = middle_layers(len(self.paths), LAYERS)
        candidates = [Setting(layer, sign) for layer in layers for sign in SIGNS]
        found = []
        for done, candidate in enumerate(candidates, start=1):
            odds, kl = screen(self.model, self.validation, self.intervention(candidate))
            found.append((kl > MOST_KL, odds, candidate))
            progress("screen layers and signs", done, len(candidates))
        return [candidate for *_, candidate in sorted(found)[:FINALISTS]]

    def attempted(self, finalists: Sequence[Setting], progress: Progress) -> dict[Setting, Trial]:
        """Answer under each finalist at scales that grow until answers take harm."""
        trials: dict[Setting, Trial] = {}
        for done, finalist in enumerate(finalists, start=1):
            for scale in (1, 2, 4):
                setting = finalist._replace(factor=scale * finalist.factor)
                trials[setting] = attempt(self.model, self.task, self.validation, self.intervention(setting))
                if trials[setting].harms(self.validation.baseline):
                    break
            if scale == 1:
                gentle = finalist._replace(factor=0.5 * finalist.factor)
                trials[gentle] = attempt(self.model, self.task, self.validation, self.intervention(gentle))
            progress("answer validation prompts", done, len(finalists))
        return trials


def _described(task: Task, validation: Validation, chosen: Setting, trial: Trial, tried: int) -> str:
    sign = SIGNS[1.0 if chosen.factor > 0 else -1.0]
    return (
        f"adds {abs(chosen.factor):g} x strength times the mean difference of the residual stream behind layer"
        f" {chosen.layer}, {sign} the positive prompts of {task.contrast.name!r}, at every position; layer, sign"
        f" and scale chosen on {len(validation.positive)} validation prompts out of {tried} settings answered:"
        f" {trial}, against {validation.baseline} untouched"
    )


@METHODS.register("caa")
def _caa(argument: str) -> Method:
    no_argument("caa", argument, ": layer, sign and scale are tuned")
    return ContrastiveAddition()
