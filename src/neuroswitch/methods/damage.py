"""Damage while a method is chosen: divergence on the untouched model's own benign answers, and doses to a limit.

Two settings can be compared only at the same damage, so a setting is brought to a limit first: the strength is
searched at which its divergence reaches the limit. Forward passes only; nothing is generated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import Intervention, divergence, next_token_log_probabilities, read_outputs
from neuroswitch.batching import compute_prefix, in_batches, plan_batches
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
        rows: Token ids of each prompt with its answer.
        spans: For each row the positions that predict the tokens of the answer.
        hidden: What the untouched model's LM head reads at these positions, shape (tokens, hidden).
    """

    rows: list[list[int]]
    spans: list[range]
    hidden: Float[Tensor, "tokens hidden"]

    @staticmethod
    def of(
        model: LanguageModel, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
    ) -> "BenignAnswers":
        """Read answers with the untouched model; answers without a token are left out."""
        said = [
            (list(prompt), list(answer)) for prompt, answer in zip(prompts, answers, strict=True) if answer
        ]
        rows = [prompt + answer for prompt, answer in said]
        spans = [range(len(prompt) - 1, len(prompt) + len(answer) - 1) for prompt, answer in said]
        return BenignAnswers(rows, spans, _hidden(model, rows, spans))

    def part(self, numbers: Sequence[int]) -> "BenignAnswers":
        """Return some of the answers."""
        hidden = self.hidden.split(list(map(len, self.spans)))
        return BenignAnswers(
            [self.rows[i] for i in numbers],
            [self.spans[i] for i in numbers],
            torch.cat([hidden[i] for i in numbers]),
        )

    def kl(self, model: LanguageModel, intervention: Intervention) -> float:
        """Return KL(untouched || changed) in nats per token, the mean over answers."""
        with intervention.applied(model):
            changed = _hidden(model, self.rows, self.spans)
            lengths = list(map(len, self.spans))
            pairs = zip(self.hidden.split(lengths), changed.split(lengths), strict=True)
            found = [
                divergence(*(next_token_log_probabilities(model, one) for one in pair)).mean()
                for pair in pairs
            ]
        return float(torch.stack(found).mean())


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


def _where_meets(
    readings: Sequence[tuple[float, float]], limit: float, *, strongest: float = STRONGEST
) -> float:
    """Return where the power law through the two readings next to the limit meets it."""
    near = sorted(readings, key=lambda one: abs(torch.tensor(max(one[1], 1e-9) / limit).log().item()))[:2]
    logs = torch.tensor([[one[0], max(one[1], 1e-9)] for one in near], dtype=torch.float64).log()
    power = 2.0
    if len(logs) == 2 and logs[0, 0] != logs[1, 0]:
        power = min(max(float((logs[1, 1] - logs[0, 1]) / (logs[1, 0] - logs[0, 0])), 0.5), 4.0)
    return float((logs[0, 0] + (torch.tensor(limit).log() - logs[0, 1]) / power).exp())


def _hidden(model: LanguageModel, rows: Sequence[Sequence[int]], spans: Sequence[range]) -> Tensor:
    prefix = compute_prefix(model, [row[: span.start + 1] for row, span in zip(rows, spans, strict=True)])

    def read(batch: Sequence[tuple[Sequence[int], range]]) -> list[Tensor]:
        places = [span for _, span in batch]
        found = read_outputs(model, [row for row, _ in batch], places, [""], prefix)[:, 0]
        return list(found.split(list(map(len, places))))

    batches = plan_batches(list(map(len, rows)), BATCH)
    parts = [
        part for batch in in_batches(read, list(zip(rows, spans, strict=True)), batches) for part in batch
    ]
    order = torch.tensor([i for batch in batches for i in batch]).argsort()
    return torch.cat([parts[i] for i in order.tolist()])
