"""Perplexity: how unexpected the untouched model finds answers that were given under an intervention.

Fluent text in the model's own manner scores low, broken text high. A loop can score low too, since
repetition is easy to predict: read it beside the repetition score. Answers other than the model's own
are less expected even when they are good, so compare interventions with each other.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp

import torch
from torch.nn.functional import cross_entropy

from neuroswitch.measures.forcing import Forced, answer_logits, batched
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.statistics import Measurement, mean


def nats_per_token(
    model: LanguageModel, samples: Sequence[Forced], *, progress: Progress = silent
) -> list[float | None]:
    """Return the mean negative log-likelihood of each answer's tokens, in nats; None for an empty answer.

    Args:
        model: The model, untouched: call this outside of any intervention.
        samples: Prompts and answers, from `force`.
        progress: Told after each batch.
    """
    found: list[float | None] = [None] * len(samples)
    done = sum(not one.answer for one in samples)
    for batch in batched(model, samples):
        logits = answer_logits(model, [samples[i] for i in batch])
        for i, rows in zip(batch, logits, strict=True):  # rows: (answer, V)
            target = torch.tensor(samples[i].answer, device=rows.device)  # not in the dtype of the logits
            found[i] = cross_entropy(rows.float(), target).item()
        done += len(batch)
        progress("perplexity", done, len(samples))
    return found


def perplexity(
    model: LanguageModel, samples: Sequence[Forced], *, progress: Progress = silent
) -> Measurement:
    """Measure the perplexity of answers under the untouched model.

    The exponential of the mean over answers of `nats_per_token`, so that every answer weighs alike;
    its interval resamples answers. None if all answers are empty.

    Args:
        model: The model, untouched: call this outside of any intervention.
        samples: Prompts and answers, from `force`.
        progress: Told after each batch.
    """
    nats = nats_per_token(model, samples, progress=progress)
    scored = [value for value in nats if value is not None]
    how = "exp of the mean over answers of nats per token under the untouched model"
    if empty := len(nats) - len(scored):
        how += f"; {empty} empty answers left out"
    found = mean("perplexity", scored, unit="perplexity", how=how)
    value, low, high = (None if end is None else exp(end) for end in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)
