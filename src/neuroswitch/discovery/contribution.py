"""What each neuron contributes to a response: forward passes only, every token of the response.

At the position that predicts response token y_t, neuron j with activation a_j(t) adds
a_j(t) * W_down[:, j] to the residual stream. Its direct contribution to the token is
a_j(t) * (W_down[:, j] . g_t), where g_t is the gradient of log p(y_t) with respect to the final
residual stream: the final norm and the LM head are differentiated, no layer is. Averaged over
the tokens of the response it is in nats per token, and covers the whole answer, not only the
word it opens with.

Source: direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer
Circuits"), applied here to neurons and to the model's own responses.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import log_probability_gradient, output_columns, read_tokens, weighted_by_router
from neuroswitch.batching import Prefix, compute_prefix, in_batches, plan_batches
from neuroswitch.discovery.shared import merged
from neuroswitch.discovery.statistics import Moments
from neuroswitch.models import LanguageModel, team_of
from neuroswitch.progress import Progress, silent

MEMORY = 2**28
"""Bytes that the neurons of one batch may take."""


class Response(NamedTuple):
    """A prompt and how a model answered it, as token ids."""

    prompt: Sequence[int]
    tokens: Sequence[int]


def contributions(
    model: LanguageModel,
    responses: Sequence[Response],
    *,
    batch_size: int = 32,
    progress: Progress = silent,
    stage: str = "read responses",
) -> Moments:
    """Collect every neuron's contribution to responses.

    Args:
        model: The model, untouched.
        responses: Prompts with the answers whose tokens are explained; the same in every process.
        batch_size: Responses read together at most; halved where memory runs out.
        progress: Told after each batch.
        stage: What to call the work.

    Returns:
        Moments over the responses, width = `layout.size`, nats per token.
    """
    lengths = [len(response.prompt) + len(response.tokens) for response in responses]
    prefix = compute_prefix(model, [response.prompt for response in responses])
    size, team = min(batch_size, _fitting(model, responses)), team_of(model)

    def measured(batch: Sequence[Response]) -> Moments:
        return Moments.of(_contributions(model, batch, prefix))

    batches = plan_batches(lengths, size, team=team)
    own: Moments | None = None
    for part in in_batches(measured, responses, batches, progress=progress, stage=stage):
        own = part if own is None else own.merge(part)
    found = merged(own, team)
    if found is None:
        raise ValueError("no responses")
    return found


def _contributions(
    model: LanguageModel, batch: Sequence[Response], prefix: Prefix
) -> Float[Tensor, "responses neurons"]:
    positions = [
        range(len(one.prompt) - 1, len(one.prompt) - 1 + len(one.tokens)) for one in batch
    ]  # where each response token is predicted
    read = read_tokens(model, [[*one.prompt, *one.tokens] for one in batch], positions, prefix)
    neurons = weighted_by_router(read, model.layout)  # (rows, N)
    targets = torch.tensor([token for one in batch for token in one.tokens])
    gradient = log_probability_gradient(model, read.residual, targets)  # (rows, H)
    lengths = torch.tensor([len(one.tokens) for one in batch])
    owner = torch.arange(len(batch)).repeat_interleave(lengths)  # (rows,)
    result = torch.zeros(len(batch), model.layout.size)
    for site in range(len(model.layout.sites)):
        span = model.layout.span(site)
        written = output_columns(model, torch.arange(span.start, span.stop))  # (n, H)
        direct = neurons[:, span] * (gradient @ written.T)  # (rows, n)
        result[:, span].index_add_(0, owner, direct)
    return result / lengths[:, None]


def _fitting(model: LanguageModel, responses: Sequence[Response]) -> int:
    longest = max((len(response.tokens) for response in responses), default=1)
    return max(1, MEMORY // (4 * longest * model.layout.size))
