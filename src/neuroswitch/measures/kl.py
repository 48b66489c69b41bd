"""KL divergence: how much an intervention changes the model where it should change nothing.

On the untouched model's own answers to benign prompts, token by token: KL(untouched || changed) of the
next-token distributions; both models read the same text. It sees small changes and not whether they
matter; loops that only appear in free generation are not seen.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import kl_div

from neuroswitch.measures.base import Bench, ModelMeasure, register
from neuroswitch.measures.forcing import answer_logits, batched
from neuroswitch.records import NEGATIVE, MeasureInfo

CHUNK = 16
"""Tokens whose distributions are float32 at the same time: 20 MB each for the largest vocabularies."""

INFO = MeasureInfo(
    name="kl",
    title="KL",
    cost="KL divergence from the untouched model (nats per token)",
    unit="nats per token",
    better="lower",
    aggregate="mean",
    how="KL(untouched || changed) per token of the untouched model's answers to benign prompts",
    pile=NEGATIVE,
    # Arditi et al. (2024), section 2.3, discard a direction beyond this divergence.
    budget=0.1,
    from_zero=True,
    log=True,
)


def take_kl(bench: Bench) -> None:
    """Measure every changed condition; the untouched model reads each batch once for all of them."""
    samples = bench.forced(bench.conditions[0], NEGATIVE)
    names, forced, changed = list(samples), list(samples.values()), bench.changed()
    batches = list(batched(bench.model, forced))
    for number, batch in enumerate(batches):
        items, chosen = [names[i] for i in batch], [forced[i] for i in batch]
        missing = [one for one in changed if bench.log.lacks(one, INFO.name, items)]
        before = answer_logits(bench.model, chosen) if missing else []
        for position, condition in enumerate(missing, start=1):
            with condition.applied(bench.model):
                after = answer_logits(bench.model, chosen)
            bench.log.append(condition, INFO.name, dict(zip(items, divergences(before, after), strict=True)))
            bench.progress("KL divergence", number * len(missing) + position, len(batches) * len(missing))


def divergences(
    untouched: Sequence[Float[Tensor, "answer vocabulary"]],
    changed: Sequence[Float[Tensor, "answer vocabulary"]],
) -> list[float]:
    """Return KL(untouched || changed) of each answer from its logits, in nats per token."""
    return [
        torch.cat([_divergence(p, q) for p, q in zip(before.split(CHUNK), after.split(CHUNK), strict=True)])
        .mean()
        .item()
        for before, after in zip(untouched, changed, strict=True)
    ]


def _divergence(p: Float[Tensor, "tokens vocabulary"], q: Float[Tensor, "tokens vocabulary"]) -> Tensor:
    log_p, log_q = p.float().log_softmax(-1), q.float().log_softmax(-1)
    return kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)


register(ModelMeasure(INFO, take_kl))
