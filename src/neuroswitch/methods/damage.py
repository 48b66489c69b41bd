"""Damage while a method is chosen: divergence on the untouched model's own benign answers, and doses to a limit.

Two settings can be compared only at the same damage, so a setting is brought to a limit first: the strength is
searched at which its divergence reaches the limit. Forward passes only; nothing is generated.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import Intervention, divergence, next_token_log_probabilities, read_outputs
from neuroswitch.batching import compute_prefix, in_batches, plan_batches
from neuroswitch.discovery import Response
from neuroswitch.models import LanguageModel

BATCH = 16
"""Answers read together."""

READINGS = 4
"""How often the damage is measured, at most, while a strength is searched."""

CLOSE = 0.1
"""How far the damage of the strength that is returned may lie from the limit, as a share of it."""

WEAKEST, STRONGEST = 0.02, 3.0
"""Strengths between which is searched; linear pictures of a network end at about 2."""


@dataclass(frozen=True, eq=False)
class BenignAnswers:
    """The untouched model's own answers to benign prompts, and what it expected at each of their tokens.

    Attributes:
        responses: The answers, each with its prompt.
        hidden: What the untouched model's LM head reads where it predicts their tokens, shape (tokens, hidden).
    """

    responses: Sequence[Response]
    hidden: Float[Tensor, "tokens hidden"]

    @staticmethod
    def of(model: LanguageModel, responses: Sequence[Response]) -> "BenignAnswers":
        """Read answers with the untouched model."""
        return BenignAnswers(responses, answer_states(model, responses))

    def part(self, numbers: Sequence[int]) -> "BenignAnswers":
        """Return some of the answers."""
        hidden = self.hidden.split([len(one.tokens) for one in self.responses])
        return BenignAnswers([self.responses[i] for i in numbers], torch.cat([hidden[i] for i in numbers]))

    def kl(self, model: LanguageModel, intervention: Intervention) -> float:
        """Return KL(untouched || changed) in nats per token, the mean over answers."""
        lengths = [len(one.tokens) for one in self.responses]
        with intervention.applied(model):
            changed = answer_states(model, self.responses)
            pairs = zip(self.hidden.split(lengths), changed.split(lengths), strict=True)
            found = [
                divergence(*(next_token_log_probabilities(model, one) for one in pair)).mean()
                for pair in pairs
            ]
        return float(torch.stack(found).mean())


def answer_states(model: LanguageModel, responses: Sequence[Response]) -> Float[Tensor, "tokens hidden"]:
    """Return what the LM head reads where the tokens of responses are predicted, in the current state of the model."""
    prefix = compute_prefix(model, [one.prompt for one in responses])

    def read(batch: Sequence[Response]) -> list[Tensor]:
        places = [one.positions for one in batch]
        found = read_outputs(model, [one.whole for one in batch], places, [""], prefix)[:, 0]
        return list(found.split(list(map(len, places))))

    batches = plan_batches([len(one.whole) for one in responses], BATCH)
    parts = [part for batch in in_batches(read, responses, batches) for part in batch]
    order = torch.tensor([i for batch in batches for i in batch]).argsort()
    return torch.cat([parts[i] for i in order.tolist()])


def strength_at(damage: Callable[[float], float], limit: float, *, strongest: float = STRONGEST) -> float:
    """Search the strength at which damage reaches a limit.

    Damage grows about with the square of the strength, so two readings give a power law, and the next
    reading lies where that law meets the limit.

    Args:
        damage: From a strength to its damage, nats per token; about increasing.
        limit: The damage that is wanted.
        strongest: No strength above it is tried.

    Returns:
        Among the strengths that were measured, from 1 on, the one with the most damage within (1 + CLOSE) times the
        limit, or the weakest where all do more.
    """
    readings: list[tuple[float, float]] = []
    strength = 1.0
    for _ in range(READINGS):
        readings.append((strength, damage(strength)))
        if abs(readings[-1][1] / limit - 1) < CLOSE:
            break
        strength = round(min(max(_where_meets(readings, limit), WEAKEST), strongest), 2)
        if any(strength == one for one, _ in readings):
            break
    within = [one for one in readings if one[1] <= (1 + CLOSE) * limit]
    return (max(within, key=lambda one: one[::-1]) if within else min(readings))[0]


def _where_meets(readings: Sequence[tuple[float, float]], limit: float) -> float:
    """Return where the power law through the two readings next to the limit meets it."""
    logs = [(math.log(strength), math.log(max(damage, 1e-9) / limit)) for strength, damage in readings]
    (x, y), *others = sorted(logs, key=lambda one: abs(one[1]))
    power = 2.0
    if others and others[0][0] != x:
        power = min(max((others[0][1] - y) / (others[0][0] - x), 0.5), 4.0)
    return math.exp(x - y / power)
