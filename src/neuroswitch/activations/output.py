"""The end of the model: from the final residual stream to next-token probabilities.

Logit soft caps and scales that some models apply behind the LM head are left out: they keep
the order of the tokens.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.models import LanguageModel
from neuroswitch.sites import sizes


@torch.inference_mode()
def next_token_probabilities(
    model: LanguageModel, normed: Float[Tensor, "rows hidden"]
) -> Float[Tensor, "rows vocabulary"]:
    """Turn what the LM head reads into next-token probabilities, float32, on the CPU."""
    return _log_probabilities(model, normed, normed=True).exp().cpu()


@torch.inference_mode()
def next_token_log_probabilities(
    model: LanguageModel, normed: Float[Tensor, "rows hidden"]
) -> Float[Tensor, "rows vocabulary"]:
    """Turn what the LM head reads into next-token log-probabilities, float32, on the CPU."""
    return _log_probabilities(model, normed, normed=True).cpu()


def log_probability_gradient(
    model: LanguageModel,
    residual: Float[Tensor, "rows hidden"],
    targets: Int64[Tensor, " rows"],
) -> Float[Tensor, "rows hidden"]:
    """Return the direction in the final residual stream in which each target gains log-probability.

    Only the final norm and the LM head are differentiated; no layer is.

    Args:
        model: The model.
        residual: Residual stream before the final norm.
        targets: The token whose log-probability is meant, for each row.

    Returns:
        d log p(target) / d residual, nats per unit, float32, on the CPU.
    """
    with torch.inference_mode(False), torch.enable_grad():
        stream = residual.clone().requires_grad_(True)
        log_p = _log_probabilities(model, stream, normed=False)
        chosen = log_p.gather(1, targets[:, None].to(log_p.device)).sum()
        (gradient,) = torch.autograd.grad(chosen, stream)
    return gradient.float()


def norm_gain(model: LanguageModel) -> Float[Tensor, " hidden"]:
    """Return the gain of the final norm, float32, on the CPU; ones where there is no norm.

    Measured, not read, because some norms store the gain minus one: a vector of alternating ones
    has mean zero and root mean square one, so a norm only multiplies it by its gain.
    """
    norm = model.final_norm
    hidden = sizes(model.head)[0]
    weight = getattr(norm, "weight", None)
    if norm is None or weight is None:
        return torch.ones(hidden)
    alternating = torch.ones(hidden, device=_device(weight), dtype=weight.dtype)
    alternating[1::2] = -1
    with torch.inference_mode():
        up, down = norm(torch.stack([alternating, -alternating])).float().cpu()  # (H,) each
    return (up - down) / 2 * alternating.float().cpu()  # a bias cancels in the difference


def _log_probabilities(model: LanguageModel, hidden: Tensor, *, normed: bool) -> Tensor:
    head = model.head
    weight: Tensor = head.weight  # type: ignore[assignment]
    hidden = hidden.to(_device(weight), weight.dtype)
    if not normed and model.final_norm is not None:
        hidden = model.final_norm(hidden)
    log_p: Tensor = head(hidden).float().log_softmax(-1)
    return log_p


def _device(weight: Tensor) -> torch.device:
    # accelerate moves the inputs of what it has offloaded to where it computes
    return torch.device("cpu") if weight.is_meta else weight.device
