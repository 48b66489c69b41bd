"""How what a model says depends on its neurons: one backward pass through the whole model.

The only place where layers are differentiated. Weights get no gradient and nothing is left in the model.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuroswitch.batching import NO_PREFIX, Prefix, padded, text_only
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import first_tensor, hooked, weight_device

Objective = Callable[[Float[Tensor, "rows vocabulary"]], Tensor]
"""From next-token log-probabilities, float32, one row for each position, to one number (or one per sequence)."""

Reduce = Callable[[Float[Tensor, "sequences time width"], Float[Tensor, "sequences time width"]], Tensor]
"""From activations of one site and the gradients there to what is kept, shape (..., width)."""


def differentiable_log_probabilities(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    prefix: Prefix = NO_PREFIX,
) -> Float[Tensor, "rows vocabulary"]:
    """Return next-token log-probabilities at chosen tokens in the current state of the model, with their graph.

    Args:
        model: The model.
        ids: Token ids of each sequence, padded on the right together.
        positions: For each sequence the positions whose next token is meant, none of them inside the prefix.
        prefix: What all sequences begin with, as `prefix_with_graph` made it in the same state.

    Returns:
        One row for each position, sequence by sequence, float32, on the device of the model.
    """
    batch = padded(ids).tokens[:, prefix.length :]  # (B, T)
    rows = [b * batch.shape[1] + at - prefix.length for b, places in enumerate(positions) for at in places]
    past = prefix.expanded(len(batch))
    state = {} if past is None else {"past_key_values": past}
    with text_only(model.module):
        output = model.decoder(input_ids=batch.to(model.device), use_cache=past is not None, **state)
    hidden = first_tensor(model.decoder, output[0]).flatten(0, 1)  # (B * T, H)
    chosen = hidden[torch.tensor(rows, device=hidden.device)]
    weight: Tensor = model.head.weight  # type: ignore[assignment]
    found: Tensor = model.head(chosen.to(weight_device(weight), weight.dtype)).float().log_softmax(-1)
    return found


def neuron_gradients(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    objective: Objective,
    reduce: Reduce,
) -> Float[Tensor, "... neurons"]:
    """Differentiate a number with respect to every neuron at every token of some sequences.

    Args:
        model: The model, in the state that is meant.
        ids: Token ids of each sequence; they are read as one batch.
        positions: For each sequence the positions whose next-token log-probabilities the objective takes.
        objective: From these log-probabilities to a number.
        reduce: What is kept of activations and gradients, site by site, so that a whole batch of all
            neurons never has to be kept; what stands behind a sequence's end is padding with gradient 0.

    Returns:
        What `reduce` returned for each site, joined along the neuron axis, float32, on the CPU.

    Raises:
        UnsupportedModel: A site holds experts, whose neurons are not the input of a module.
    """
    if experts := [site.path for site in model.layout.sites if site.kind != "dense"]:
        raise UnsupportedModel(
            "gradients are taken at the inputs of output projections, which experts' neurons are not",
            found=f"experts at {experts[0]}",
            do="use a method or ranking with forward passes only, such as 'writers'",
        )
    seen: dict[str, Tensor] = {}

    def keep(path: str, module: nn.Module, arguments: tuple[Tensor, ...], named: object) -> None:
        seen[path] = first_tensor(module, arguments)

    with torch.inference_mode(False), torch.enable_grad(), ExitStack() as hooks:
        hooks.enter_context(hooked(model.module.get_input_embeddings(), after=_with_gradient))
        for path in model.layout.paths:
            hooks.enter_context(hooked(model.module.get_submodule(path), before=partial(keep, path)))
        number = objective(differentiable_log_probabilities(model, ids, positions)).sum()
        gradients = torch.autograd.grad(number, [seen[path] for path in model.layout.paths])
    parts = [
        reduce(*(_by_sequence(values, len(ids)) for values in (seen[path].detach(), gradient))).cpu()
        for path, gradient in zip(model.layout.paths, gradients, strict=True)
    ]
    return torch.cat(parts, -1)


def _by_sequence(values: Tensor, sequences: int) -> Float[Tensor, "sequences time width"]:
    """Divide what a module was given by sequences: some are given (sequences * time, width)."""
    return values.float().reshape(sequences, -1, values.shape[-1])


def _with_gradient(module: nn.Module, arguments: object, named: object, output: object) -> object:
    """Begin the graph at the embeddings, so that every activation behind them has a gradient."""
    return first_tensor(module, output).detach().requires_grad_()
