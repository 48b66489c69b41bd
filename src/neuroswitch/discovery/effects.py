"""What each neuron does to a response through all paths: one backward pass through the model.

The total effect of neuron j on a response is the derivative of its log-probability with respect to the neuron's
multiplier, sum over positions of a_j d log p(response) / d a_j. Unlike a direct contribution, it counts what
later layers make of the neuron. Divided by the length of the response it is in nats per token.

Source: gradient x activation (Shrikumar et al. 2017, arXiv:1704.02685, section 2); for units of language models,
attribution patching with a baseline of zero (Syed et al. 2023, arXiv:2310.10348, eq. 1).
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.activations import (
    Objective,
    differentiable_log_probabilities,
    neuron_gradients,
    scaled_neurons,
)
from neuroswitch.batching import compatible, in_batches, plan_batches
from neuroswitch.discovery.contribution import Attributing, Attribution, Response, direct
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import stream_width

MEMORY = 2**30
"""Bytes that one batch may take for what the backward pass needs."""
BATCH = 32
"""Responses that are differentiated together at most."""


def total(model: LanguageModel, responses: Sequence[Response]) -> Attributing:
    """Attribute by total effect: what a neuron does to the response through all that follows.

    Raises:
        UnsupportedModel: The model has experts; as the error comes from `neuron_gradients`, with the first batch.
    """
    return Attributing(partial(_total_effects, model), differentiable_batch(model, responses))


ATTRIBUTIONS: Mapping[str, Attribution] = {"contribution": direct, "total_effect": total}
"""What a ranking may need that takes responses of the model -> how they are attributed."""


def effects_on(
    model: LanguageModel, batch: Sequence[Response], objective: Objective
) -> Float[Tensor, "responses neurons"]:
    """Differentiate a number with respect to the multiplier of every neuron, for each response of a batch.

    Args:
        model: The model, in the state that is meant.
        batch: Responses whose tokens the objective looks at, read together.
        objective: From the next-token log-probabilities at the tokens of all responses, response by response,
            to a number that is a sum over responses.

    Returns:
        The derivative of each response's part of the number, float32, on the CPU.
    """
    return neuron_gradients(
        model,
        [one.whole for one in batch],
        [one.positions for one in batch],
        objective,
        lambda activations, gradients: (activations * gradients).sum(1),
    )


def effects_in_state(
    model: LanguageModel,
    responses: Sequence[Response],
    ids: Int64[Tensor, " n"],
    multipliers: Float[Tensor, " n"],
    *,
    progress: Progress = silent,
) -> Float[Tensor, " n"]:
    """Differentiate responses with respect to multipliers in a state in which they are not 1.

    Args:
        model: The model, untouched, without experts among the neurons.
        responses: What is differentiated; at least one.
        ids: Flat ids of neurons.
        multipliers: What each of them is multiplied by.
        progress: Called after each batch.

    Returns:
        The derivative of the mean log-probability of the responses, nats per token, float32; at multipliers of 1
        the mean of the total effects.
    """
    lengths = [len(one.whole) for one in responses]
    size = min(BATCH, differentiable_batch(model, responses))
    batches = plan_batches(lengths, size, groups=compatible(model, lengths))

    def summed(batch: Sequence[Response]) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            state = multipliers.detach().clone().requires_grad_()
            with scaled_neurons(model, ids, state):
                places = [one.positions for one in batch]
                log_p = differentiable_log_probabilities(model, [one.whole for one in batch], places)
            (found,) = torch.autograd.grad(_mean_log_probabilities(batch, log_p), state)
        return found.double().cpu()

    parts = in_batches(summed, responses, batches, progress=progress, stage="differentiate responses")
    return (sum(parts, torch.zeros(len(ids), dtype=torch.float64)) / len(responses)).float()


def differentiable_batch(model: LanguageModel, responses: Sequence[Response]) -> int:
    """Estimate how many responses can be differentiated at once: at least 1.

    Counts what the backward pass keeps of every layer (neurons and residual stream several times over), and the
    log-probabilities at the tokens of the response.

    Args:
        model: The model.
        responses: What is read.
    """
    longest = max((len(one.prompt) + len(one.tokens) for one in responses), default=1)
    answer = max((len(one.tokens) for one in responses), default=1)
    kept = 6 * model.layout.size + 12 * stream_width(model.module) * len(model.layout.sites)
    one = model.module.dtype.itemsize * longest * kept + 16 * answer * len(model.unembedding)
    return max(1, MEMORY // one)


def log_probability_of(
    targets: Tensor, weights: Tensor, log_p: Float[Tensor, "rows vocabulary"]
) -> Float[Tensor, ""]:
    """Return the weighted sum of the log-probabilities of one target token in each row."""
    chosen = log_p.gather(1, targets[:, None].to(log_p.device))[:, 0]
    return (chosen * weights.to(log_p.device)).sum()


def _total_effects(model: LanguageModel, batch: Sequence[Response]) -> Float[Tensor, "responses neurons"]:
    return effects_on(model, batch, partial(_mean_log_probabilities, batch))


def _mean_log_probabilities(
    batch: Sequence[Response], log_p: Float[Tensor, "rows vocabulary"]
) -> Float[Tensor, ""]:
    """Return the sum over responses of their log-probability per token."""
    targets = torch.tensor([token for one in batch for token in one.tokens])
    weights = torch.cat([torch.full((len(one.tokens),), 1 / len(one.tokens)) for one in batch])
    return log_probability_of(targets, weights, log_p)
