"""Directional ablation: one direction removed from the residual stream of every layer.

Source: Arditi et al., "Refusal in Language Models Is Mediated by a Single Direction" (arXiv:2406.11717).
Candidates are differences of means at the template's tokens behind the instruction, at layers below 80 % of the
depth. As in the paper, the chosen one leaves the least evidence of the behaviour when it is ablated, among those
that change little on negative prompts (KL below 0.1 nats) and bring the behaviour about when added there.

Differences to the paper: layers are screened at even distances, evidence is the log odds of the model's own
opening tokens, and the best candidates are answered in full before one is chosen. The stream is projected where
it enters and leaves layers; for a model whose feed-forward block reads what attention has just written, the paper
also projects between the two.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import layer_paths, projected_out
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.methods.caa import FINALISTS, LAYERS, addition, middle_layers
from neuroswitch.methods.differences import closing_tokens, mean_differences, tokens_of
from neuroswitch.methods.fitted import FittedChange, damaged, identity, load_fitted
from neuroswitch.methods.tuning import Validation, choose_at_damage, opening_odds, screen, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import stream_width

POSITIONS = 5
"""How many of the template's last tokens are screened."""

INDUCED = 10
"""How many candidates are added to negative prompts, at most."""

MOST_KL = 0.1
"""Nats on negative prompts; the paper's threshold."""


class Candidate(NamedTuple):
    """Where a direction was found, and the result of its screening; position -1 is the last token."""

    layer: int
    position: int
    odds: float
    kl: float


def projection(
    model: LanguageModel,
    direction: Float[Tensor, " hidden"],
    method: str = "candidate",
    description: str = "",
) -> FittedChange:
    """Return the method that removes strength times a direction: x <- x - strength (x . r) r / |r|^2."""
    return FittedChange(method, description, identity(model), _project, {"direction": direction})


def _project(fitted: FittedChange, strength: float, model: LanguageModel) -> AbstractContextManager[None]:
    return projected_out(model, fitted.tensors["direction"], strength)


@dataclass(frozen=True)
class DirectionalAblation:
    """The method.

    A direction is projected out at every layer, so that a quarter of it at each compounds to nearly all: the curve
    begins at a tenth.
    """

    curve: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.25, 0.5, 1.0)

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedChange:
        """Find candidates and choose one.

        Raises:
            WeakBehaviour: No answer to a validation prompt shows the behaviour.
        """
        layers = middle_layers(len(layer_paths(model)), LAYERS)
        prompts = [prompt for pile in task.contrast.discovery for prompt in pile]
        last = min(closing_tokens(tokens_of(model, prompts, task)), POSITIONS)
        paths = [layer_paths(model)[layer] for layer in layers]
        found = mean_differences(model, task, paths, last, progress=progress)  # (last, layers, H)
        vectors = {
            (layer, place - last): found[place, i] for i, layer in enumerate(layers) for place in range(last)
        }
        validation = validation_of(model, task, progress=progress)
        search = _Search(model, validation, vectors)
        finalists, passed = search.finalists(search.screened(progress), progress)
        ablations = [search.fitted(one).at for one in finalists]
        winner, strength, how = choose_at_damage(model, task, validation, ablations, progress, strongest=1.0)
        chosen = finalists[winner]
        direction = vectors[chosen.layer, chosen.position]
        description = (
            f"removes strength times one direction from the residual stream of every layer, at every position:"
            f" the difference of means behind layer {chosen.layer} at token {chosen.position} of the prompts of"
            f" {task.contrast.name!r}; out of {len(vectors)} candidates {len(finalists)} were screened by the first"
            f" token of answers ({passed}; its KL on negative prompts is {chosen.kl:.3f} nats), and one of them, at"
            f" strength {strength:g}, {how}"
        )
        return projection(model, direction / direction.norm(), "direction", description)

    def load(self, folder: Path, model: LanguageModel) -> FittedChange:
        """Read the direction."""
        shapes = {"direction": (torch.float32, (stream_width(model.module),))}
        fitted = load_fitted(folder, "direction", model, _project, shapes)
        if abs(float(fitted.tensors["direction"].norm()) - 1) > 1e-3:
            raise damaged(folder, "a direction of another length than 1")
        return fitted


@dataclass(frozen=True)
class _Search:
    """One search for a direction among vectors by (layer, position)."""

    model: LanguageModel
    validation: Validation
    vectors: dict[tuple[int, int], Tensor]

    def fitted(self, candidate: Candidate) -> FittedChange:
        return projection(self.model, self.vectors[candidate.layer, candidate.position])

    def screened(self, progress: Progress) -> list[Candidate]:
        """Return all candidates, the lowest evidence of the behaviour first."""
        found = []
        for done, (layer, position) in enumerate(self.vectors, start=1):
            candidate = Candidate(layer, position, 0.0, 0.0)
            odds, kl = screen(self.model, self.validation, self.fitted(candidate).at(1.0))
            found.append(candidate._replace(odds=odds, kl=kl))
            progress("screen directions", done, len(self.vectors))
        return sorted(found, key=lambda one: (one.odds, one.kl))

    def finalists(self, ranked: Sequence[Candidate], progress: Progress) -> tuple[list[Candidate], str]:
        """Return the first candidates that pass the paper's two conditions, and the conditions in words."""
        harmless = [one for one in ranked if one.kl < MOST_KL]
        passed: list[Candidate] = []
        for done, one in enumerate(harmless[:INDUCED], start=1):
            if self._induces(one):
                passed.append(one)
            progress("add directions to negative prompts", done, min(len(harmless), INDUCED))
            if len(passed) == FINALISTS:
                break
        if passed:
            return passed, f"KL below {MOST_KL} nats, and adding it brings the behaviour about"
        if harmless:
            return harmless[
                :FINALISTS
            ], f"KL below {MOST_KL} nats; none brings the behaviour about when added"
        gentle = sorted(ranked, key=lambda one: one.kl)[: max(FINALISTS, len(ranked) // 4)]
        return sorted(gentle, key=lambda one: one.odds)[:FINALISTS], f"none has a KL below {MOST_KL} nats"

    def _induces(self, candidate: Candidate) -> bool:
        """Return whether answers to negative prompts begin as the behaviour does when the vector is added."""
        path = layer_paths(self.model)[candidate.layer]
        vector = self.vectors[candidate.layer, candidate.position]
        with addition(self.model, [path], vector[None]).at(1.0).applied(self.model):
            return opening_odds(self.model, self.validation, self.validation.negative) > 0


METHODS.register_fixed("direction", DirectionalAblation())
