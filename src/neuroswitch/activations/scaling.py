"""Multiply chosen neurons while a block is open, and leave no trace after it.

A dense site gets one pre-hook that multiplies the input of the projection, so its weights may be
quantised, sharded, offloaded or shared between layers. Experts' neurons are never the input of a
module of their own: their slices of the weights are scaled in place and copied back. Does not
know circuits or why a neuron is chosen.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.activations.hooks import Witness, forget_compiled_code, require_fired
from neuroswitch.errors import BadCircuit, UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import experts_at, own_share


@contextmanager
def scaled_neurons(
    model: LanguageModel, ids: Int64[Tensor, " k"], multipliers: Float[Tensor, " k"]
) -> Iterator[None]:
    """Multiply neurons at every position of every forward pass while the block is open.

    Nested blocks multiply. A multiplier of 1 changes no bit. After the block, exception or not,
    the model is bit for bit what it was. What was compiled with `torch.compile` before is
    compiled once more inside the block, because compiled code ignores hooks that came later.

    Args:
        model: The model, of any dtype and placement.
        ids: Flat ids of the neurons, each at most once.
        multipliers: One for each id; multiplied in the dtype of the activations.

    Raises:
        BadCircuit: An id is repeated or not a neuron of the model, or the numbers differ.
        UnsupportedModel: The weights of chosen experts are not in memory.
        InterventionFailed: On leaving, if the decoder ran but a chosen site did not.
    """
    chosen = dict(zip(ids.tolist(), multipliers.tolist(), strict=False))
    if not len(chosen) == len(ids) == len(multipliers):
        raise BadCircuit("neurons to scale must be distinct, with one multiplier each")
    decoder = Witness()
    witnesses: dict[str, Witness] = {}
    with ExitStack() as changes:
        changes.callback(model.decoder.register_forward_pre_hook(decoder).remove)
        for position, local in model.layout.by_position(ids):
            site, offset = model.layout.sites[position], model.layout.offsets[position]
            module = model.module.get_submodule(site.path)
            factors = torch.tensor([chosen[neuron + offset] for neuron in local.tolist()])
            if site.kind == "dense":
                witnesses[site.path] = _Scale(_mask(module, site.width, local, factors))
            else:
                witnesses[site.path] = Witness()
                changes.enter_context(_scaled_experts(module, local, factors))
            changes.callback(module.register_forward_pre_hook(witnesses[site.path]).remove)
        forget_compiled_code()
        yield
        require_fired(decoder, witnesses)


class _Scale(Witness):
    """A pre-hook that multiplies the input of a projection by a mask of shape (width,)."""

    def __init__(self, mask: Float[Tensor, " width"]) -> None:
        super().__init__()
        self.mask = mask

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        self.fired = True
        values = arguments[0]  # (..., width), or this rank's share of the width
        mask = own_share(self.mask, values.shape[-1], module)
        return (values * mask.to(device=values.device, dtype=values.dtype), *arguments[1:])


def _mask(module: nn.Module, width: int, local: Tensor, factors: Tensor) -> Tensor:
    mask = torch.ones(width)
    mask[local] = factors
    # packed weights may be buffers
    weight = next(chain(module.parameters(), module.buffers()), mask)
    return mask if weight.is_meta else mask.to(weight.device)


@contextmanager
def _scaled_experts(module: nn.Module, local: Tensor, factors: Tensor) -> Iterator[None]:
    with torch.inference_mode(False):  # a caller's inference mode allows no views of sharded weights
        experts = experts_at(module)
        written = experts.outgoing  # (E, I, H), a view of the weights
        here, place = experts.place(local)
    if written.is_meta:
        raise UnsupportedModel(
            f"the experts of {type(module).__name__} are offloaded, so a change would be lost",
            found="weights on the meta device",
            expected="weights in memory",
            do="load the model without offloading its experts",
        )
    with torch.no_grad():
        before = written[place]  # indexing with tensors copies
        written[place] = (before.float() * factors[here, None].to(before.device)).to(before.dtype)
    try:
        yield
    finally:
        with torch.no_grad():
            written[place] = before
