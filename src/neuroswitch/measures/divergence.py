"""KL divergence: how much an intervention changes the model where it should change nothing.

On benign text, token by token: KL(untouched || intervened) of the next-token distributions, teacher-forced
so that both see the same text. Sensitive to small changes and blind to whether they matter; loops that
only unfold in free generation are not seen here.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import kl_div

from neuroswitch.activations import Intervention
from neuroswitch.measures.forcing import Forced, answer_logits, batched
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.statistics import Measurement, mean

CHUNK = 16
"""Tokens whose distributions are float32 at the same time: 20 MB each for the largest vocabularies."""


def kl_per_token(
    model: LanguageModel,
    samples: Sequence[Forced],
    *,
    intervention: Intervention,
    progress: Progress = silent,
) -> list[float | None]:
    """Return the mean KL divergence over each answer's tokens, in nats; None for an empty answer.

    Args:
        model: The model, untouched: the intervention is applied here, batch by batch.
        samples: Prompts and answers, from `force`: best the untouched model's own.
        intervention: What is compared with the untouched model.
        progress: Told after each batch.
    """
    found: list[float | None] = [None] * len(samples)
    done = sum(not one.answer for one in samples)
    for batch in batched(model, samples):
        chosen = [samples[i] for i in batch]
        untouched = answer_logits(model, chosen)
        with intervention.applied(model):
            intervened = answer_logits(model, chosen)
        for i, nats in zip(batch, divergences(untouched, intervened), strict=True):
            found[i] = nats
        done += len(batch)
        progress("divergence", done, len(samples))
    return found


def divergence(
    model: LanguageModel,
    samples: Sequence[Forced],
    *,
    intervention: Intervention,
    progress: Progress = silent,
) -> Measurement:
    """Measure KL(untouched || intervened) in nats per token: the mean over answers of `kl_per_token`.

    The interval resamples answers. None if all answers are empty.

    Args:
        model: The model, untouched.
        samples: Prompts and answers, from `force`: best the untouched model's own.
        intervention: What is compared with the untouched model.
        progress: Told after each batch.
    """
    nats = kl_per_token(model, samples, intervention=intervention, progress=progress)
    scored = [value for value in nats if value is not None]
    how = "mean over answers of KL(untouched || intervened) per token, teacher-forced"
    return mean("kl", scored, unit="nats per token", how=how)


def divergences(
    untouched: Sequence[Float[Tensor, "answer vocabulary"]],
    intervened: Sequence[Float[Tensor, "answer vocabulary"]],
) -> list[float]:
    """Return KL(untouched || intervened), in nats per token, of each answer from its logits.

    For who compares many interventions with one reading of the untouched model.
    """
    return [
        _divergences(before, after).mean().item() for before, after in zip(untouched, intervened, strict=True)
    ]


def _divergences(
    before: Float[Tensor, "tokens vocabulary"], after: Float[Tensor, "tokens vocabulary"]
) -> Float[Tensor, " tokens"]:
    chunks = zip(torch.split(before, CHUNK), torch.split(after, CHUNK), strict=True)
    return torch.cat([_divergence(p, q) for p, q in chunks])


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    log_p, log_q = p.float().log_softmax(-1), q.float().log_softmax(-1)
    return kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
