"""How much single neurons hold a behaviour back or let it through: gradient times gap, at the template's tokens.

Source: Kazemi, Chegini & Safi, "A Single Neuron Is Sufficient to Bypass Safety Alignment in Large Language Models"
(arXiv:2605.08513). Difference to the paper: the behaviour's evidence is the log odds of the model's own opening
tokens (`methods.tuning`) instead of those of phrases that were written by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.activations import layer_paths, neuron_gradients
from neuroswitch.batching import compatible
from neuroswitch.errors import UnsupportedModel
from neuroswitch.methods.base import Task
from neuroswitch.methods.differences import closing_tokens, mean_over, tokens_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress

TOKENS = 10
"""How many of the template's last tokens are read, at most."""

BATCH = 4
"""Prompts that are differentiated together: what all layers compute stays in memory until then."""


@dataclass(frozen=True, eq=False)
class GateScores:
    """The score of every neuron, and what was read of it at the token where it scores best.

    Attributes:
        value: Score, nats; 0 for neurons that cannot be chosen.
        token: Where it was read, counted from the end: -1 is the last token of the prompt.
        positive: Mean activation on positive discovery prompts there, activation units.
        negative: The same on negative ones.
        spread: Standard deviation over the prompts of both piles there, each pile counting half.
        last: Means on positive and on negative prompts at the last token.
    """

    value: Float[Tensor, " neurons"]
    token: Int64[Tensor, " neurons"]
    positive: Float[Tensor, " neurons"]
    negative: Float[Tensor, " neurons"]
    spread: Float[Tensor, " neurons"]
    last: Float[Tensor, "2 neurons"]

    def best(self, count: int) -> Int64[Tensor, " best"]:
        """Return the neurons with the highest scores, best first: at most `count`, and only scores above 0."""
        found = self.value.topk(min(count, len(self.value)))
        return found.indices[found.values > 0]


def gate_scores(
    model: LanguageModel, task: Task, openings: Sequence[int], *, progress: Progress
) -> GateScores:
    """Score every neuron by what a step from its positive to its negative mean does against the behaviour.

    score = (g+ + g-) (a- - a+), where a are means of the activation and g means of the gradient of the behaviour's
    -log odds, + on positive and - on negative discovery prompts. A neuron has a score at each of the template's
    tokens behind the instruction, and keeps the best one. Left out are neurons with |a+| < |a-| there, and the
    last third of the layers.

    Args:
        model: The untouched model.
        task: Only its discovery split is read.
        openings: Tokens with which answers that show the behaviour begin.
        progress: Called after each batch.

    Raises:
        UnsupportedModel: The model has fused experts, or its layers are divided among processes.
    """
    piles = [tokens_of(model, pile, task) for pile in task.contrast.discovery]
    last = min(closing_tokens([row for pile in piles for row in pile]), TOKENS)
    positive, negative = (
        mean_over(
            pile,
            lambda batch: _summed(model, batch, last, openings),
            progress=progress,
            stage=f"differentiate {name} prompts",
            size=BATCH,
        )
        for name, pile in zip(("positive", "negative"), piles, strict=True)
    )
    if positive.shape[-1] != model.layout.size:
        raise UnsupportedModel(
            "gradients are taken in one process",
            found=f"{positive.shape[-1]} of {model.layout.size} neurons in this one",
            do="load the model without tensor parallelism",
        )
    gradient, (a, b) = positive[0] + negative[0], (positive[1], negative[1])  # (last, neurons)
    value, place = (gradient * (b - a)).max(0)

    def there(values: Tensor) -> Tensor:
        return values.gather(0, place[None])[0]

    middle, square = (positive[1:] + negative[1:]) / 2
    layers = len(layer_paths(model))
    early = torch.tensor([site.layer < layers - layers // 3 for site in model.layout.sites])
    kept = early.repeat_interleave(torch.tensor([site.neurons for site in model.layout.sites]))
    kept &= there(a).abs() >= there(b).abs()
    return GateScores(
        value=torch.where(kept, value, 0.0).float(),
        token=place - last,
        positive=there(a).float(),
        negative=there(b).float(),
        spread=there(square - middle.square()).clamp(min=0).sqrt().float(),
        last=torch.stack([a[-1], b[-1]]).float(),
    )


def _summed(
    model: LanguageModel, rows: Sequence[Sequence[int]], last: int, openings: Sequence[int]
) -> Float[Tensor, "3 last neurons"]:
    """Return sums over prompts of gradient, activation and its square, at the last tokens of each, float64."""

    def of_group(group: Sequence[Sequence[int]]) -> Tensor:
        ends = torch.tensor([len(row) for row in group])[:, None]
        sequence, time = torch.arange(len(group))[:, None], ends + torch.arange(-last, 0)  # (sequences, last)

        def kept(activations: Tensor, gradients: Tensor) -> Tensor:
            a, g = (
                one[sequence.to(one.device), time.to(one.device)].cpu() for one in (activations, gradients)
            )
            return torch.stack([one.double().sum(0) for one in (g, a, a.double().square())])

        positions = [[len(row) - 1] for row in group]
        return neuron_gradients(model, group, positions, lambda log_p: against(log_p, openings), kept)

    groups = compatible(model, [len(row) for row in rows])
    return reduce(torch.add, (of_group([rows[place] for place in group]) for group in groups))


def against(
    log_probabilities: Float[Tensor, "rows vocabulary"], openings: Sequence[int]
) -> Float[Tensor, " rows"]:
    """Return the -log odds that the next token is one of `openings`, nats."""
    chosen = torch.tensor(list(openings), device=log_probabilities.device)
    others = log_probabilities.index_fill(1, chosen, -torch.inf)
    return others.logsumexp(1) - log_probabilities[:, chosen].logsumexp(1)
