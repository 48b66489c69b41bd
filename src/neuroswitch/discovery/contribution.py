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

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import log_probability_gradient, output_columns, read_tokens, weighted_by_router
from neuroswitch.batching import Prefix, compatible, compute_prefix, in_batches, plan_batches
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

    @property
    def whole(self) -> list[int]:
        """The prompt and the answer."""
        return [*self.prompt, *self.tokens]

    @property
    def positions(self) -> range:
        """Where the tokens of the answer are predicted."""
        return range(len(self.prompt) - 1, len(self.prompt) - 1 + len(self.tokens))


class Attributing(NamedTuple):
    """A way to attribute responses, prepared for a model and some responses.

    Attributes:
        of_batch: From some of the responses to nats per token of each neuron, shape (responses, neurons).
        size: How many of them fit into memory together.
    """

    of_batch: Callable[[Sequence[Response]], Float[Tensor, "responses neurons"]]
    size: int


Attribution = Callable[[LanguageModel, Sequence[Response]], Attributing]
"""How a response is attributed to neurons; `direct` here, `total` in `discovery.effects`."""


def direct(model: LanguageModel, responses: Sequence[Response]) -> Attributing:
    """Attribute by direct contribution: what a neuron writes toward the response, past all other layers."""
    prefix = compute_prefix(model, [response.prompt for response in responses])
    longest = max((len(response.tokens) for response in responses), default=1)

    def of_batch(batch: Sequence[Response]) -> Tensor:
        return _contributions(model, batch, prefix)

    return Attributing(of_batch, max(1, MEMORY // (4 * longest * model.layout.size)))


def contributions(
    model: LanguageModel,
    responses: Sequence[Response],
    attribution: Attribution = direct,
    *,
    batch_size: int = 32,
    progress: Progress = silent,
    stage: str = "read responses",
) -> Moments:
    """Collect every neuron's contribution to responses.

    Args:
        model: The model, untouched.
        responses: Prompts with the answers whose tokens are explained; the same in every process.
        attribution: How a response is attributed to neurons.
        batch_size: Responses read together at most; halved where memory runs out.
        progress: Told after each batch.
        stage: What to call the work.

    Returns:
        Moments over the responses, width = `layout.size`, nats per token.
    """
    lengths = [len(response.prompt) + len(response.tokens) for response in responses]
    attributing, team = attribution(model, responses), team_of(model)

    def measured(batch: Sequence[Response]) -> Moments:
        return Moments.of(attributing.of_batch(batch))

    size, groups = min(batch_size, attributing.size), compatible(model, lengths)
    batches = plan_batches(lengths, size, groups=groups, team=team)
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
    positions = [one.positions for one in batch]
    read = read_tokens(model, [one.whole for one in batch], positions, prefix)
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
