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
from neuroswitch.answering import Decoding, Reader, generate_tokens
from neuroswitch.batching import prefix_with_graph
from neuroswitch.circuits import Circuit
from neuroswitch.errors import WeakBehaviour
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.methods.cna import Scaling, by_ranking, chosen_by, selected
from neuroswitch.methods.damage import BenignAnswers
from neuroswitch.methods.differences import tokens_of
from neuroswitch.methods.tuning import choose_at_damage, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Piles, Prompt

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
    """A prompt with two of the model's own answers, as token ids."""

    prompt: list[int]
    shows: list[int]
    shows_not: list[int]


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
        return Lessons(pairs, self.benign.part(some(len(self.benign.rows))))


def gather_lessons(
    model: LanguageModel, task: Task, piles: Piles, circuit: Circuit, *, progress: Progress = silent
) -> Lessons:
    """Let the model answer prompts, untouched and under a circuit.

    Args:
        model: The model, untouched.
        task: Detector and chat format.
        piles: Some prompts of the discovery or the validation split.
        circuit: What is ablated, more and more, to get answers without the behaviour.
        progress: Called after each batch.

    Raises:
        WeakBehaviour: No prompt has an answer with and one without the behaviour, or no benign prompt is left.
    """
    answering = _Answering(model, task, progress)
    positive, negative = piles
    shows = answering.answers(positive, 0.0, circuit, wanted=True)
    without: dict[int, list[int]] = {}
    for strength in PROVISIONAL:
        left = [i for i in shows if i not in without]
        found = answering.answers([positive[i] for i in left], strength, circuit, wanted=False)
        without |= {left[i]: answer for i, answer in found.items()}
    benign = answering.answers(negative, 0.0, circuit, wanted=False)
    if not without or not benign:
        raise WeakBehaviour(
            "doses cannot be learned from these prompts",
            found=f"{len(shows)} of {len(positive)} answers show the behaviour, {len(without)} of these prompts are "
            f"answered without it under the circuit, {len(benign)} of {len(negative)} benign answers are without it",
            expected="at least one prompt answered in both ways, and one benign answer",
            do="use prompts that bring the behaviour about, a larger circuit, or the method 'cna'",
        )
    asked, kept = tokens_of(model, positive, task), tokens_of(model, negative, task)
    chosen = sorted(benign)
    return Lessons(
        [Preference(asked[i], shows[i], answer) for i, answer in sorted(without.items())],
        BenignAnswers.of(model, [kept[i] for i in chosen], [benign[i] for i in chosen]),
    )


@dataclass(frozen=True)
class _Answering:
    model: LanguageModel
    task: Task
    progress: Progress

    def answers(
        self, prompts: Sequence[Prompt], strength: float, circuit: Circuit, *, wanted: bool
    ) -> dict[int, list[int]]:
        """Return the answers at a strength that show the behaviour as wanted: number of the prompt -> tokens."""
        if not prompts:
            return {}
        ids, read = tokens_of(self.model, prompts, self.task), Reader(self.model)
        decoding = Decoding(max_new_tokens=TOKENS)
        with scaled_neurons(self.model, circuit.ids, circuit.multipliers(strength)):
            said = generate_tokens(self.model, ids, decoding, progress=self.progress, stage="answer prompts")
        return {
            i: answer
            for i, (answer, prompt) in enumerate(zip(said, prompts, strict=True))
            if answer and read.shows(answer, prompt.text, ids[i], self.task.shows) == wanted
        }


def _first(piles: Piles, count: int) -> Piles:
    return Piles(*(pile[:count] for pile in piles))


def _log_probabilities(model: LanguageModel, rows: list[list[int]], spans: list[range]) -> Tensor:
    """Read the answers of a batch in the current state; what the prompts share is computed once."""
    prefix = prefix_with_graph(model, [row[: span.start + 1] for row, span in zip(rows, spans, strict=True)])
    return differentiable_log_probabilities(model, rows, spans, prefix)


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
        part = pairs[start : start + DRAWN]
        rows = [[*pair.prompt, *answer] for pair in part for answer in (pair.shows, pair.shows_not)]
        starts = [len(pair.prompt) for pair in part for _ in range(2)]
        spans = [range(begin - 1, len(row) - 1) for begin, row in zip(starts, rows, strict=True)]
        with scaled_neurons(model, ids, 1 - doses):
            log_p = _log_probabilities(model, rows, spans)
        targets = torch.tensor(
            [token for begin, row in zip(starts, rows, strict=True) for token in row[begin:]]
        )
        chosen = log_p.gather(1, targets[:, None].to(log_p.device))[:, 0]
        shows, shows_not = (
            torch.stack([one.sum() for one in chosen.split(list(map(len, spans)))]).view(-1, 2).T
        )
        yield softplus(shows - shows_not + MARGIN).sum() / len(pairs)
    for start in range(0, len(benign.rows), DRAWN):
        few = benign.part(range(start, min(start + DRAWN, len(benign.rows))))
        before = next_token_log_probabilities(model, few.hidden)
        with scaled_neurons(model, ids, 1 - doses):
            after = _log_probabilities(model, few.rows, few.spans)
        yield WEIGHT * divergence(before.to(after.device), after).mean() * len(few.rows) / len(benign.rows)


METHODS.register("cna-learned")(by_ranking(learned))
