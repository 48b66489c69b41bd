"""Contrastive activation addition: vectors added to what modules write, at every token position.

`caa` adds the mean difference of the residual stream at the last prompt token behind one layer. The paper adds it
behind the prompt only; here it is added at every position, the prompt included, so that a prompt is read in one
state of the model whether or not its beginning was computed before. Layer, sign and scale are chosen on
validation prompts (`methods.tuning`): every layer and sign is screened by the first token of the answer, the best
are answered in full, each at the scale whose damage reaches the task's limit; that scale is strength 1.

Source: Rimsky et al., "Steering Llama 2 via Contrastive Activation Addition" (arXiv:2312.06681).

`caa-paper` is what the paper on contrastive neuron attribution compares with, for reproduction: the mean
difference of what the feed-forward block writes, added in all layers at once, with nothing tuned. The published
code adds toward the positive class, which for refusal makes a model refuse more. Here every method at strength 1
should reduce the behaviour, so it is subtracted; `caa-paper:toward` has the published sign.

Source: Herring, Naviasky & Malhotra (arXiv:2605.12290) and their code.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import added, layer_paths
from neuroswitch.errors import BadOption, BadRun
from neuroswitch.methods.base import METHODS, Method, Task
from neuroswitch.methods.differences import mean_differences
from neuroswitch.methods.fitted import FittedChange, identity, load_fitted
from neuroswitch.methods.tuning import Validation, choose_at_damage, screen, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import stream_width

LAYERS = 8
"""How many layers are screened, evenly spread over the middle of the model."""

FINALISTS = 3
"""How many pairs of layer and sign, or directions, are answered in full."""

MOST_KL = 3.0
"""Nats on negative prompts above which a pair is not answered in full, unless all pairs are above."""

ADDITION_CURVE = (0.25, 0.5, 1.0, 2.0)
"""Strengths of an addition from a quarter of what validation chose to twice as much."""

SIGNS = {-1.0: "away from", 1.0: "toward"}
TOWARD = "toward"


class Setting(NamedTuple):
    """Where and how the mean difference is added: `factor` is sign times scale."""

    layer: int
    factor: float


def addition(
    model: LanguageModel,
    paths: Sequence[str],
    vectors: Float[Tensor, "paths hidden"],
    method: str = "candidate",
    description: str = "",
) -> FittedChange:
    """Return the method that adds strength times a vector to the output of each of some modules."""
    tensors, settings = {"vectors": vectors}, {"paths": list(paths)}
    return FittedChange(method, description, identity(model), _add, tensors, settings)


def _add(fitted: FittedChange, strength: float, model: LanguageModel) -> AbstractContextManager[None]:
    pairs = zip(fitted.settings["paths"], fitted.tensors["vectors"], strict=True)
    return added(model, {path: strength * vector for path, vector in pairs})


def _load_addition(folder: Path, method: str, model: LanguageModel, paths: Sequence[str]) -> FittedChange:
    """Read an addition, and refuse one to other modules than `paths`."""
    shapes = {"vectors": (torch.float32, (-1, stream_width(model.module)))}
    fitted = load_fitted(folder, method, model, _add, shapes)
    named, count = fitted.settings.get("paths"), len(fitted.tensors["vectors"])
    if (
        not isinstance(named, list)
        or not len(named) == len(set(named)) == count
        or not set(named) <= set(paths)
    ):
        raise BadRun(
            f"{folder} names no places of this model",
            found=f"{named}",
            expected=f"{count} of {list(paths)}",
            do="remove the folder and fit the method again",
        )
    return fitted


def middle_layers(count: int, most: int) -> list[int]:
    """Return at most so many layers, evenly spread from a fifth to four fifths of the depth.

    Examples:
        >>> middle_layers(24, 4)
        [4, 8, 13, 18]
    """
    first, last = count // 5, max(count // 5, int(0.8 * count) - 1)
    wanted = min(most, last - first + 1)
    return [first + step * (last - first) // max(wanted - 1, 1) for step in range(wanted)]


@dataclass(frozen=True)
class ContrastiveAddition:
    """The method `caa`."""

    curve: ClassVar[tuple[float, ...]] = ADDITION_CURVE

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedChange:
        """Find the vectors of all layers and choose one.

        Raises:
            WeakBehaviour: No answer to a validation prompt shows the behaviour.
        """
        paths = layer_paths(model)
        vectors = mean_differences(model, task, paths, 1, progress=progress)[0]  # (layers, H)
        validation = validation_of(model, task, progress=progress)
        search = _Search(model, validation, paths, vectors)
        finalists = search.screened(progress)
        additions = [search.fitted(one).at for one in finalists]
        place, scale, how = choose_at_damage(model, task, validation, additions, progress)
        layer, factor = finalists[place].layer, scale * finalists[place].factor
        description = (
            f"adds {abs(factor):g} x strength times the mean difference of the residual stream behind layer"
            f" {layer}, {SIGNS[1.0 if factor > 0 else -1.0]} the positive prompts of {task.contrast.name!r}, at every"
            f" position; layer and sign, at the scale of the damage allowed, {how}"
        )
        return addition(model, [paths[layer]], factor * vectors[layer, None], "caa", description)

    def load(self, folder: Path, model: LanguageModel) -> FittedChange:
        """Read the vector."""
        return _load_addition(folder, "caa", model, layer_paths(model))


@dataclass(frozen=True)
class _Search:
    """One search for a setting."""

    model: LanguageModel
    validation: Validation
    paths: Sequence[str]
    vectors: Tensor

    def screened(self, progress: Progress) -> list[Setting]:
        """Return the pairs of layer and sign after which the first token is least that of the behaviour."""
        layers = middle_layers(len(self.paths), LAYERS)
        candidates = [Setting(layer, sign) for layer in layers for sign in SIGNS]
        found = []
        for done, candidate in enumerate(candidates, start=1):
            odds, kl = screen(self.model, self.validation, self.fitted(candidate).at(1.0))
            found.append((kl > MOST_KL, odds, candidate))
            progress("screen layers and signs", done, len(candidates))
        return [candidate for *_, candidate in sorted(found)[:FINALISTS]]

    def fitted(self, setting: Setting) -> FittedChange:
        """Return the addition of a setting; its strength is the scale."""
        path, vector = self.paths[setting.layer], setting.factor * self.vectors[setting.layer, None]
        return addition(self.model, [path], vector)


@dataclass(frozen=True)
class PaperAddition:
    """The method `caa-paper`.

    Attributes:
        toward: Add toward the positive class, as published, instead of away from it.
    """

    toward: bool = False
    curve: ClassVar[tuple[float, ...]] = ADDITION_CURVE

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedChange:
        """Find the vectors of all feed-forward output projections."""
        paths, sign = _feed_forward_paths(model), 1.0 if self.toward else -1.0
        vectors = sign * mean_differences(model, task, paths, 1, progress=progress)[0]  # (sites, H)
        description = (
            f"adds strength times the mean difference of the feed-forward output in all {len(paths)} places,"
            f" {SIGNS[sign]} the positive prompts of {task.contrast.name!r}, at every position; nothing tuned"
        )
        return addition(model, paths, vectors, "caa-paper", description)

    def load(self, folder: Path, model: LanguageModel) -> FittedChange:
        """Read the vectors."""
        return _load_addition(folder, "caa-paper", model, _feed_forward_paths(model))


def _feed_forward_paths(model: LanguageModel) -> tuple[str, ...]:
    """Return the paths of the feed-forward output projections, or refuse a model that was loaded without them."""
    paths = tuple(site.path for site in model.layout.sites if site.units == "mlp")
    if not paths:
        raise BadOption(
            "the method 'caa-paper' adds to what feed-forward networks write",
            found="a model that was loaded with attention units only",
            do="load it with --units both, or leave --units out",
        )
    return paths


METHODS.register_fixed("caa", ContrastiveAddition())


@METHODS.register("caa-paper")
def _caa_paper(argument: str) -> Method:
    if argument not in ("", TOWARD):
        raise BadOption(
            "the method 'caa-paper' has two forms",
            found=f"caa-paper:{argument}",
            expected=f"caa-paper, or caa-paper:{TOWARD} for the published sign",
        )
    return PaperAddition(argument == TOWARD)
