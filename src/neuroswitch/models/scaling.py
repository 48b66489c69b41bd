"""Multiply chosen neurons while a block is open, and leave no trace after it.

A dense site gets one pre-hook that multiplies the input of the projection, so its weights may be
quantised, sharded, offloaded or shared between layers. Experts' neurons are never the input of a
module of their own: their slices of the weights are scaled in place and copied back. Does not
know circuits or why a neuron is chosen.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.errors import BadCircuit, InterventionFailed, UnsupportedModel
from neuroswitch.models.experts import experts_at
from neuroswitch.models.language_model import LanguageModel


@contextmanager
def scaled_neurons(
    model: LanguageModel, ids: Int64[Tensor, " k"], multipliers: Float[Tensor, " k"]
) -> Iterator[None]:
    """Multiply neurons at every position of every forward pass while the block is open.

    Nested blocks multiply. A multiplier of 1 changes no bit. After the block, exception or not,
    the model is bit for bit what it was.

    Args:
        model: The model, of any dtype and placement.
        ids: Flat ids of the neurons, each at most once.
        multipliers: One for each id.

    Raises:
        BadCircuit: An id is repeated or not a neuron of the model, or the numbers differ.
        UnsupportedModel: The weights of chosen experts are not in memory.
        InterventionFailed: On leaving, if the decoder ran but a chosen site did not.
    """
    if len(set(ids.tolist())) != len(ids) or len(ids) != len(multipliers):
        raise BadCircuit("neurons to scale must be distinct, with one multiplier each")
    order = ids.argsort()
    ids, multipliers = ids[order], multipliers[order].float()
    with ExitStack() as changes:
        decoder = _Witness()
        changes.callback(model.decoder.register_forward_pre_hook(decoder).remove)
        witnesses: dict[str, _Witness] = {}
        done = 0
        for path, local in model.layout.by_site(ids).items():
            module = model.module.get_submodule(path)
            chosen = multipliers[done : done + len(local)]
            done += len(local)
            if model.layout.sites[model.layout.paths.index(path)].kind == "dense":
                witnesses[path] = _Scale(_mask(model, path, local, chosen))
            else:
                witnesses[path] = _Witness()
                changes.enter_context(_scaled_experts(module, local, chosen))
            changes.callback(module.register_forward_pre_hook(witnesses[path]).remove)
        yield
        missed = [path for path, witness in witnesses.items() if not witness.fired]
        if decoder.fired and missed:
            raise InterventionFailed(
                "the model ran, but neurons that should have been scaled were not reached",
                found=f"{len(missed)} of {len(witnesses)} sites did not run, such as {missed[0]}",
                expected="every site of the circuit to run in a forward pass",
            )


class _Witness:
    """A pre-hook that remembers that its module ran."""

    def __init__(self) -> None:
        self.fired = False

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        self.fired = True
        return None


class _Scale(_Witness):
    """A pre-hook that multiplies the input of a projection by a mask of shape (width,)."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask = mask

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        self.fired = True
        values = arguments[0]
        return (values * self.mask.to(device=values.device, dtype=values.dtype), *arguments[1:])


def _mask(model: LanguageModel, path: str, local: Tensor, multipliers: Tensor) -> Tensor:
    mask = torch.ones(model.layout.sites[model.layout.paths.index(path)].width)
    mask[local] = multipliers
    return mask


@contextmanager
def _scaled_experts(module: nn.Module, local: Tensor, multipliers: Tensor) -> Iterator[None]:
    written = experts_at(module).outgoing
    if written.is_meta:
        raise UnsupportedModel(
            f"the experts of {type(module).__name__} are offloaded, so a change would be lost",
            found="weights on the meta device",
            expected="weights in memory",
            do="load the model without offloading its experts",
        )
    place = (local // written.shape[1], local % written.shape[1])
    with torch.no_grad():
        before = written[place]  # indexing with tensors copies
        written[place] = (before.float() * multipliers[:, None].to(before.device)).to(before.dtype)
    try:
        yield
    finally:
        with torch.no_grad():
            written[place] = before
