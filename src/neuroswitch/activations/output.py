"""From neurons to the next token: what neurons write, the final norm, the LM head.

Logit soft caps and scales that some models apply behind the LM head are left out: they keep the
order of the tokens.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import (
    experts_of,
    linear_sizes,
    mapped,
    plain_weight,
    stream_width,
    sum_over_processes,
    weight_device,
    weights_in_memory,
)


@torch.no_grad()
def output_columns(model: LanguageModel, ids: Int64[Tensor, " k"]) -> Float[Tensor, "k hidden"]:
    """Return what each neuron adds to its block's output when its activation is 1.

    Args:
        model: The model; its weights may be plain, quantised or offloaded.
        ids: Flat neuron ids, shape (k,).

    Returns:
        Columns of the output projections in the order of `ids`, shape (k, hidden), float32, CPU.

    Raises:
        BadCircuit: An id is not a neuron of the model.
        UnsupportedModel: Neurons write into something else than the residual stream.
    """
    hidden = stream_width(model.module)
    found = torch.zeros(len(ids), hidden)
    for position, local in model.layout.by_position(ids):
        path, offset = model.layout.sites[position].path, model.layout.offsets[position]
        written = _columns_at(model, path, local).float().cpu()  # (n, H)
        if written.shape[1] != hidden:
            raise UnsupportedModel(
                f"the neurons of {path} do not write into the residual stream",
                found=f"{written.shape[1]} outputs",
                expected=f"{hidden}",
                do="use a ranking that does not read the output weights, such as 'delta'",
            )
        found[torch.isin(ids.cpu(), local + offset)] = written
    return found


def _columns_at(model: LanguageModel, path: str, local: Int64[Tensor, " n"]) -> Tensor:
    module = model.module.get_submodule(path)
    with weights_in_memory(module):
        experts = experts_of(module)
        if experts is not None:
            outgoing = experts.outgoing  # (E, I, H)
            found = outgoing.new_zeros(len(local), outgoing.shape[2])
            here, place = experts.place(local)
            found[here] = outgoing[place]
            whole = outgoing.shape[1] == experts.width
            return found if whole else sum_over_processes(found, module)
        weight = plain_weight(module)
        if weight is not None:
            return weight.T[local]
        unit = nn.functional.one_hot(local, linear_sizes(module)[0])
        return mapped(module, unit.to(model.device, model.module.dtype))


@torch.inference_mode()
def next_token_log_probabilities(
    model: LanguageModel, normed: Float[Tensor, "rows hidden"]
) -> Float[Tensor, "rows vocabulary"]:
    """Turn what the LM head reads into next-token log-probabilities, float32, on the CPU."""
    return _log_probabilities(model, normed).cpu()


def divergence(
    before: Float[Tensor, "rows vocabulary"], after: Float[Tensor, "rows vocabulary"]
) -> Float[Tensor, " rows"]:
    """Return KL(before || after) of each row of log-probabilities, in nats."""
    return (before.exp() * (before - after)).sum(-1)


def log_probability_gradient(
    model: LanguageModel, residual: Float[Tensor, "rows hidden"], targets: Int64[Tensor, " rows"]
) -> Float[Tensor, "rows hidden"]:
    """Return the direction in the final residual stream in which each target gains log-probability.

    Only the final norm and the LM head are differentiated; no layer is.

    Args:
        model: The model.
        residual: Residual stream before the final norm.
        targets: For each row the token whose log-probability is meant.

    Returns:
        d log p(target) / d residual, nats per unit, float32, on the CPU.
    """
    with torch.inference_mode(False), torch.enable_grad():
        stream = residual.clone().requires_grad_(True)
        log_p = _log_probabilities(model, stream, norm=model.final_norm)
        chosen = log_p.gather(1, targets[:, None].to(log_p.device)).sum()
        (gradient,) = torch.autograd.grad(chosen, stream)
    return gradient.float()


def norm_gain(model: LanguageModel) -> Float[Tensor, " hidden"]:
    """Return the gain of the final norm, float32, on the CPU; ones where there is no norm.

    Measured, not read, because some norms store the gain minus one: a vector of alternating ones
    has mean zero and root mean square one, so a norm only multiplies it by its gain.
    """
    norm = model.final_norm
    hidden = linear_sizes(model.head)[0]
    weight = getattr(norm, "weight", None)
    if norm is None or weight is None:
        return torch.ones(hidden)
    alternating = torch.ones(hidden, device=weight_device(weight), dtype=weight.dtype)
    alternating[1::2] = -1
    with torch.inference_mode():
        up, down = norm(torch.stack([alternating, -alternating])).float().cpu()  # (H,) each
    return (up - down) / 2 * alternating.float().cpu()  # a bias cancels in the difference


def _log_probabilities(model: LanguageModel, hidden: Tensor, norm: nn.Module | None = None) -> Tensor:
    head = model.head
    weight: Tensor = head.weight  # type: ignore[assignment]
    hidden = hidden.to(weight_device(weight), weight.dtype)
    log_p: Tensor = head(hidden if norm is None else norm(hidden)).float().log_softmax(-1)
    return log_p
