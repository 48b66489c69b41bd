"""Directional ablation: one direction taken out of the residual stream everywhere.

Source: Arditi et al., "Refusal in Language Models Is Mediated by a Single Direction" (arXiv:2406.11717).
Candidates are differences of means at the template's tokens behind the instruction, at layers
below 80 % of the depth. As in the paper, the one chosen leaves the lowest evidence of the
behaviour when it is ablated, among those that change little on negative prompts (KL below 0.1 nats)
and bring the behaviour about when they are added there.

What differs: layers are screened at even distances, evidence is the log odds of the model's own
opening tokens, and the best candidates are answered in full before one is chosen. The stream is
projected where it enters and leaves layers; for a model whose feed-forward block reads what
attention has just written, the paper also projects between the two.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import layer_paths, projected_out
from neuroswitch.errors import BadRun
from neuroswitch.methods.additions import Addition, hidden_size
from neuroswitch.methods.base import METHODS, ChangesModel, Method, Task, no_argument
from neuroswitch.methods.caa import middle_layers
from neuroswitch.methods.differences import closing_tokens, mean_differences, tokens_of
from neuroswitch.methods.files import Identity, check_identity, identity, load_fit, save_fit
from neuroswitch.methods.tuning import Validation, attempt_all, best, opening_odds, screen, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

LAYERS = 8
"""How many layers are screened."""

POSITIONS = 5
"""How many of the template's last tokens are screened."""

FINALISTS = 3
"""How many candidates are answered in full."""

INDUCED = 10
"""How many candidates are asked whether they bring the behaviour about, at most."""

MOST_KL = 0.1
"""Nats on negative prompts; the paper's threshold."""


class Candidate(NamedTuple):
    """Where a direction was found, and what its screening said; position -1 is the last token."""

    layer: int
    position: int
    odds: float
    kl: float


@dataclass(frozen=True, eq=False)
class Projection:
    """Take a direction out of the residual stream.

    Attributes:
        name: Method and strength.
        direction: What is taken out, float32; its length does not count.
        strength: 0 nothing, 1 all of it.
        model: The model that the direction belongs to.
    """

    name: str
    direction: Float[Tensor, " hidden"]
    strength: float
    model: Identity

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the direction is taken out.

        Raises:
            WrongModel: The direction belongs to another model.
        """
        check_identity(self.model, model)
        return projected_out(model, self.direction, self.strength)


@dataclass(frozen=True, eq=False)
class FittedDirection(ChangesModel):
    """A direction as a fitted method: x <- x - strength (x . r) r.

    Attributes:
        direction: r, of length 1, float32.
        description: How it was found and chosen.
        model: The model that it belongs to.
    """

    direction: Float[Tensor, " hidden"]
    description: str
    model: Identity

    def at(self, strength: float) -> Projection:
        """Return the projection that takes out so large a share."""
        return Projection(f"direction x {strength:g}", self.direction, strength, self.model)

    def save(self, folder: Path) -> None:
        """Write the direction."""
        save_fit(
            folder,
            "direction",
            self.model,
            {"description": self.description},
            {"direction": self.direction},
        )


@dataclass(frozen=True)
class DirectionalAblation:
    """The method."""

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedDirection:
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
        search = _Search(model, task, validation, vectors)
        finalists, passed = search.finalists(search.screened(progress), progress)
        trials = attempt_all(model, task, validation, [search.ablation(one) for one in finalists], progress)
        winner = best(trials, validation.baseline)
        chosen = finalists[winner]
        direction = vectors[chosen.layer, chosen.position]
        description = (
            f"takes strength times one direction out of the residual stream of every layer, at every position:"
            f" the difference of means behind layer {chosen.layer} at token {chosen.position} of the prompts of"
            f" {task.contrast.name!r}; chosen out of {len(vectors)} candidates on validation prompts ({passed};"
            f" its KL on negative prompts is {chosen.kl:.3f} nats), the best {len(finalists)} on"
            f" {len(validation.positive)} answers: {trials[winner]}, against {validation.baseline} untouched"
        )
        return FittedDirection(direction / direction.norm(), description, identity(model))

    def load(self, folder: Path, model: LanguageModel) -> FittedDirection:
        """Read the direction."""
        saved = load_fit(folder, "direction", model, {"direction": (torch.float32, (hidden_size(model),))})
        direction = saved.tensors["direction"]
        if abs(float(direction.norm()) - 1) > 1e-3:
            raise BadRun(f"{folder} does not hold a direction of length 1", do="remove it and fit again")
        return FittedDirection(direction, saved.settings["description"], saved.model)


@dataclass(frozen=True)
class _Search:
    """One search for a direction among vectors by (layer, position)."""

    model: LanguageModel
    task: Task
    validation: Validation
    vectors: dict[tuple[int, int], Tensor]

    def ablation(self, candidate: Candidate) -> Projection:
        vector = self.vectors[candidate.layer, candidate.position]
        return Projection("direction, candidate", vector, 1.0, identity(self.model))

    def screened(self, progress: Progress) -> list[Candidate]:
        """Return all candidates, the lowest evidence of the behaviour first."""
        found = []
        for done, (layer, position) in enumerate(self.vectors, start=1):
            candidate = Candidate(layer, position, 0.0, 0.0)
            odds, kl = screen(self.model, self.validation, self.ablation(candidate))
            found.append(candidate._replace(odds=odds, kl=kl))
            progress("screen directions", done, len(self.vectors))
        return sorted(found, key=lambda one: (one.odds, one.kl))

    def finalists(self, ranked: Sequence[Candidate], progress: Progress) -> tuple[list[Candidate], str]:
        """Return the first candidates that pass the paper's two guards, and in words what they passed."""
        harmless = [one for one in ranked if one.kl < MOST_KL]
        passed: list[Candidate] = []
        for done, one in enumerate(harmless[:INDUCED], start=1):
            if self._induces(one):
                passed.append(one)
            progress("try what directions bring about", done, min(len(harmless), INDUCED))
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
        """Say whether answers to negative prompts begin as the behaviour does when the vector is added."""
        path = layer_paths(self.model)[candidate.layer]
        vector = self.vectors[candidate.layer, candidate.position]
        with Addition("direction, added", {path: vector}, identity(self.model)).applied(self.model):
            return opening_odds(self.model, self.validation, self.validation.negative) > 0


@METHODS.register("direction")
def _direction(argument: str) -> Method:
    no_argument("direction", argument, ": layer and token are tuned")
    return DirectionalAblation()
