"""Doses learned by gradient: the method `cna-learned`. The model's weights stay as they are.

The neurons are those of a ranking; only their doses move. What is learned from is the model's own: answers to
positive discovery prompts that show the behaviour, answers to the same prompts under the ablated circuit that do
not, and answers to negative prompts, which should stay as likely as they are:

    loss = mean softplus(log P(shows) - log P(shows not) + MARGIN) + WEIGHT * KL per token

The result is an ordinary circuit with doses, so every form of export holds it exactly.

Source: docs/method.md; preferences of one answer over another as in Rafailov et al. (2023, arXiv:2305.18290), eq. 7,
and learned masks over neurons as in Louizos et al. (2018, arXiv:1712.01312), with real doses instead of gates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from neuroswitch.activations import (
    differentiable_log_probabilities,
    divergence,
    next_token_log_probabilities,
    scaled_neurons,
)
from neuroswitch.batching import prefix_with_graph
from neuroswitch.circuits import Circuit
from neuroswitch.discovery import Answering, Gathering, Response
from neuroswitch.errors import WeakBehaviour
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.methods.cna import Scaling, by_ranking, chosen_by, selected
from neuroswitch.methods.damage import BenignAnswers
from neuroswitch.methods.differences import tokens_of
from neuroswitch.methods.tuning import choose_at_damage, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Piles

START = 2.0
"""Dose of every neuron before the first step."""

TOKENS = 10
"""Tokens of each answer that is learned from."""

PROMPTS, CHECKED = 32, 12
"""Positive prompts, and negative ones, that are answered to be learned from, and to be checked with, at most."""

PROVISIONAL = (2.0, 1.0, 3.0)
"""Strengths at which the circuit makes the model answer without the behaviour, until it does."""

STEPS, CHECK, PATIENCE = 40, 10, 2
"""Steps at most; steps between two looks at the validation loss; looks without a gain after which to stop."""

DRAWN = 4
"""Pairs of answers, and benign answers, of one step."""

RATE = 0.15
"""Step size of Adam, in doses."""

MARGIN = 4.0
"""Nats by which an answer without the behaviour should be likelier than one with it."""

WEIGHT = 30.0
"""Loss of one nat per token of divergence on benign answers."""


class Preference(NamedTuple):
    """Two of the model's own answers to one prompt."""

    shows: Response
    shows_not: Response


@dataclass(frozen=True, eq=False)
class Lessons:
    """What doses are learned from, or checked with.

    Attributes:
        preferences: Answers that should become less likely than others.
        benign: Answers that should stay as likely as they are.
    """

    preferences: list[Preference]
    benign: BenignAnswers

    def drawn(self, generator: torch.Generator) -> "Lessons":
        """Return a few of each, drawn at random."""

        def some(count: int) -> list[int]:
            return torch.randperm(count, generator=generator)[:DRAWN].tolist()

        pairs = [self.preferences[i] for i in some(len(self.preferences))]
        return Lessons(pairs, self.benign.part(some(len(self.benign.responses))))


def gather_lessons(
    model: LanguageModel, task: Task, piles: Piles, circuit: Circuit, *, progress: Progress = silent
) -> Lessons:
    """Let the model answer prompts, untouched and under a circuit.

    Args:
        model: The model, untouched.
        task: Detector and chat format.
        piles: Some prompts of the discovery or the validation split.
        circuit: What is scaled at each strength of `PROVISIONAL`, to get answers without the behaviour.
        progress: Called after each batch.

    Raises:
        WeakBehaviour: No prompt has an answer with and one without the behaviour, or no benign prompt is left.
    """
    answering = Answering(model, Gathering(tokens=TOKENS), task.chat, progress)
    positive, negative = piles
    shows = {tuple(one.prompt): one for one in answering.responses(positive, task.shows)}
    asked = dict(zip(map(tuple, tokens_of(model, positive, task)), positive, strict=True))
    without: dict[tuple[int, ...], Response] = {}
    for strength in PROVISIONAL:
        left = [asked[ids] for ids in shows if ids not in without]
        if left:
            with scaled_neurons(model, circuit.ids, circuit.multipliers(strength)):
                found = answering.responses(left, task.shows_not)
            without |= {tuple(one.prompt): one for one in found}
    benign = answering.responses(negative, task.shows_not)
    if not without or not benign:
        raise WeakBehaviour(
            "doses cannot be learned from these prompts",
            found=f"{len(shows)} of {len(positive)} answers show the behaviour, {len(without)} of these prompts are "
            f"answered without it under the circuit, {len(benign)} of {len(negative)} benign answers are without it",
            expected="at least one prompt answered in both ways, and one benign answer",
            do="use prompts that bring the behaviour about, a larger circuit, or the method 'cna'",
        )
    pairs = [Preference(one, without[ids]) for ids, one in shows.items() if ids in without]
    return Lessons(pairs, BenignAnswers.of(model, benign))


def _first(piles: Piles, count: int) -> Piles:
    return Piles(*(pile[:count] for pile in piles))


def _log_probabilities(model: LanguageModel, responses: Sequence[Response]) -> Tensor:
    """Read the answers of a batch in the current state; what the prompts share is computed once."""
    rows, places = [one.whole for one in responses], [one.positions for one in responses]
    prefix = prefix_with_graph(model, [one.prompt for one in responses])
    return differentiable_log_probabilities(model, rows, places, prefix)


def learned(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Learn the doses of the best neurons of a ranking: the method `cna-learned`.

    The ranking's circuit with equal doses is a candidate too, so that what was learned is kept only where it leaves
    no more of the behaviour at the same damage on validation prompts.
    """
    scores = task.scores(model, progress=progress)
    circuit = selected(scores, task.size)
    validation = validation_of(model, task, progress=progress)
    lessons = gather_lessons(
        model, task, _first(task.contrast.discovery, PROMPTS), circuit, progress=progress
    )
    checks = gather_lessons(
        model, task, _first(task.contrast.validation, CHECKED), circuit, progress=progress
    )
    start = circuit.dosed(START)
    taught = learn_doses(model, start, lessons, checks, seed=task.seed, progress=progress)
    candidates = {"learned": taught, "equal": circuit}
    choice = choose_at_damage(
        model, task, validation, [partial(Scaling, one) for one in candidates.values()], progress
    )
    name = list(candidates)[choice.place]
    found = (
        f"the best by the ranking {task.ranking!r} on the discovery prompts of {task.contrast.name!r}; {name} doses,"
        f" chosen between those learned from {len(lessons.preferences)} pairs of the model's own answers and equal"
        f" ones, times {choice.strength:g}, the damage allowed: {choice.how}"
    )
    return chosen_by(candidates[name].dosed(choice.strength), task, found)


def learn_doses(
    model: LanguageModel,
    circuit: Circuit,
    lessons: Lessons,
    checks: Lessons,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Circuit:
    """Learn the doses of a circuit's neurons.

    Args:
        model: The model, untouched.
        circuit: Which neurons; learning starts at its doses.
        lessons: What is learned from, a few of them in each step.
        checks: What decides when to stop, and which doses are kept; no step sees them.
        seed: Of the draws.
        progress: Called after each step.

    Returns:
        The circuit with the doses of the lowest loss on the checks.
    """
    doses = circuit.doses.clone().requires_grad_()
    optimizer = torch.optim.Adam([doses], RATE)
    draw = torch.Generator().manual_seed(seed)
    best, kept, waited = float("inf"), circuit.doses.clone(), 0
    for step in range(STEPS + 1):
        if step % CHECK == 0:
            with torch.no_grad():
                loss = sum(float(part) for part in _losses(model, circuit.ids, doses, checks))
            waited = 0 if loss < best else waited + 1
            if loss < best:
                best, kept = loss, doses.detach().clone()
            if waited == PATIENCE or step == STEPS:
                break
        parts = _losses(model, circuit.ids, doses, lessons.drawn(draw))
        doses.grad = torch.stack([torch.autograd.grad(part, doses)[0] for part in parts]).sum(0)
        optimizer.step()
        progress("learn doses", step + 1, STEPS)
    return replace(circuit, doses=kept)


def _losses(
    model: LanguageModel, ids: Tensor, doses: Tensor, lessons: Lessons
) -> Iterator[Float[Tensor, ""]]:
    """Yield the parts of the loss, batch by batch, so that one graph at a time is in memory."""
    pairs, benign = lessons.preferences, lessons.benign
    for start in range(0, len(pairs), DRAWN):
        both = [one for pair in pairs[start : start + DRAWN] for one in pair]
        with scaled_neurons(model, ids, 1 - doses):
            log_p = _log_probabilities(model, both)
        targets = torch.tensor([token for one in both for token in one.tokens], device=log_p.device)
        chosen = log_p.gather(1, targets[:, None])[:, 0].split([len(one.tokens) for one in both])
        shows, shows_not = torch.stack([one.sum() for one in chosen]).view(-1, 2).T
        yield softplus(shows - shows_not + MARGIN).sum() / len(pairs)
    count = len(benign.responses)
    for start in range(0, count, DRAWN):
        few = benign.part(range(start, min(start + DRAWN, count)))
        before = next_token_log_probabilities(model, few.hidden)
        with scaled_neurons(model, ids, 1 - doses):
            after = _log_probabilities(model, few.responses)
        yield WEIGHT * divergence(before.to(after.device), after).mean() * len(few.responses) / count


METHODS.register("cna-learned")(by_ranking(learned))
