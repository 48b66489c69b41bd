"""Perplexity: how unexpected the untouched model finds answers that were given under an intervention.

Fluent text in the model's own manner has a low perplexity, broken text a high one. A loop can have a low
one too, since repetition is easy to predict: read it beside the quality. Answers other than the
model's own are less expected even when they are good, so compare interventions with each other.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy

from neuroswitch.measures.base import Bench, ModelMeasure, register
from neuroswitch.measures.forcing import Forced, answer_logits, batched
from neuroswitch.models import LanguageModel
from neuroswitch.records import POSITIVE, MeasureInfo

INFO = MeasureInfo(
    name="perplexity",
    title="Perplexity",
    cost="perplexity added",
    unit="perplexity",
    better="lower",
    aggregate="exp_mean",
    how="exp of the mean over answers to positive prompts of nats per token under the untouched model",
    budget=5.0,
    log=True,
)


def take_perplexity(bench: Bench) -> None:
    """Measure the answers of every condition; the model is untouched while it reads them."""
    for done, condition in enumerate(bench.conditions, start=1):
        samples = bench.forced(condition, POSITIVE)
        names, forced = list(samples), list(samples.values())
        for batch in batched(bench.model, forced):
            items = [names[i] for i in batch]
            if bench.log.lacks(condition, INFO.name, items):
                nats = nats_per_token(bench.model, [forced[i] for i in batch])
                bench.log.append(condition, INFO.name, dict(zip(items, nats, strict=True)))
        bench.progress("perplexity", done, len(bench.conditions))


def nats_per_token(model: LanguageModel, samples: Sequence[Forced]) -> list[float]:
    """Return the mean negative log-likelihood of each answer's tokens, in nats.

    Args:
        model: The model, untouched: call this outside of any intervention.
        samples: One batch of prompts and answers, from `force`; no answer is empty.
    """
    found = []
    for sample, rows in zip(samples, answer_logits(model, samples), strict=True):  # rows: (answer, V)
        target = torch.tensor(sample.answer, device=rows.device)  # not in the dtype of the logits
        found.append(cross_entropy(rows.float(), target).item())
    return found


register(ModelMeasure(INFO, take_perplexity))
