"""KL divergence: how much an intervention changes the model where it should change nothing.

On the untouched model's own answers to benign prompts, token by token: KL(untouched || changed) of the
next-token distributions; both models read the same text. It sees small changes and not whether they
matter; loops that only appear in free generation are not seen.

* `kl` is the damage: answers that do not show the behaviour. An answer without a verdict counts here, so that a
  detector that cannot judge hides no damage; `how` says how many there are.
* `kl_shown` is the rest: benign prompts on which the untouched model shows the behaviour. For refusal that is
  over-refusal, and to change it is no damage.
* `kl_first` is the divergence at the first token of the answer, for every benign prompt.

All come from the same forward passes. The rows on disk hold every answer; which of them `kl` counts is decided by
the untouched model's verdicts when the numbers are computed. So a folder whose `kl` was taken over all answers by an
earlier version is split right by `neuroswitch report`, and so is one whose labels were corrected by hand.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import divergence
from neuroswitch.measures.base import Bench, ModelMeasure, register
from neuroswitch.measures.forcing import Forced, answer_logits, batched
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
    how="KL(untouched || changed) per token of the untouched model's answers to benign prompts that do not show the"
    " behaviour",
    pile=NEGATIVE,
    # a third of the divergence beyond which Arditi et al. (2024), section 2.3, discard a direction
    budget=0.03,
    from_zero=True,
    log=True,
    among="untouched does not show",
)

SHOWN = replace(
    INFO,
    name="kl_shown",
    title="KL where shown",
    cost="KL divergence where the untouched model shows the behaviour (nats per token)",
    how="KL(untouched || changed) per token of the untouched model's answers to benign prompts that show the"
    " behaviour; what is changed there is no damage",
    budget=None,
    among="untouched shows",
    rows=INFO.name,
)

FIRST = replace(
    INFO,
    name="kl_first",
    title="KL, first token",
    cost="KL divergence of the first token of answers (nats)",
    unit="nats",
    how="KL(untouched || changed) of the first token of the answer to every benign prompt, as heretic counts it",
    budget=0.1,
    among="all",
)
"""Source: Weidmann, heretic, github.com/p-e-w/heretic, which prints it for harmless instructions."""

UNSAID = (0,)
"""Stands for an answer of no token where the first one is asked for; the last token is never fed: it has no effect."""


def take_kl(bench: Bench) -> None:
    """Measure every changed condition; the untouched model reads each batch once for all of them."""
    samples = bench.forced(bench.conditions[0], NEGATIVE)
    names, changed = list(samples), bench.changed()
    forced = [one if one.answer else Forced(one.prompt, UNSAID) for one in samples.values()]
    batches = list(batched(bench.model, forced))
    for number, batch in enumerate(batches):
        items, chosen = [names[i] for i in batch], [forced[i] for i in batch]
        said = [bool(samples[item].answer) for item in items]
        whole = [item for item, any_token in zip(items, said, strict=True) if any_token]
        missing = [
            one
            for one in changed
            if bench.log.lacks(one, INFO.name, whole) or bench.log.lacks(one, FIRST.name, items)
        ]
        before = answer_logits(bench.model, chosen) if missing else []
        for position, condition in enumerate(missing, start=1):
            with condition.applied(bench.model):
                after = answer_logits(bench.model, chosen)
            every = zip(items, said, divergences(before, after), strict=True)
            values = {item: value for item, any_token, value in every if any_token}
            first = divergences([one[:1] for one in before], [one[:1] for one in after])
            bench.log.append(condition, INFO.name, values)
            bench.log.append(condition, FIRST.name, dict(zip(items, first, strict=True)))
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
    return divergence(p.float().log_softmax(-1), q.float().log_softmax(-1))


register(ModelMeasure(INFO, take_kl))
register(ModelMeasure(SHOWN, None))
register(ModelMeasure(FIRST, take_kl))
