"""Set neurons to values of their own while a block is open: to constants, or to a bounded line of what they were.

A multiplier keeps what a neuron says about the input; a pin removes it. Both are made by hooks at the input of a
feed-forward output projection, so the weights stay as they are. Experts' neurons are never the input of a module,
and no change of weights sets them to a constant, so they cannot be pinned.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.activations.changes import ModuleChange, beside_weights, changed_modules
from neuroswitch.errors import BadCircuit, BadOption, UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import own_share

NewValues = Callable[..., Tensor]
"""From the inputs (..., width) of a projection, and numbers of each of its neurons (width), to new values."""


@contextmanager
def pinned_neurons(
    model: LanguageModel,
    ids: Int64[Tensor, " k"],
    values: Float[Tensor, " k"],
    *,
    strength: float = 1.0,
) -> Iterator[None]:
    """Set neurons to constants at every position of every forward pass while the block is open.

    Neuron j becomes (1 - strength) x_j + strength v_j. Strength 0 changes no bit; at strength 1 the neuron is
    v_j whatever the input is. Nested blocks change one after the other, the outer one first. After the block,
    also after an exception, the model is bit for bit what it was.

    Args:
        model: The model, of any dtype and placement.
        ids: Flat ids of the neurons, each at most once.
        values: v, one for each id, activation units; rounded to the dtype of the activations.
        strength: How far neurons are moved.

    Raises:
        BadCircuit: An id is repeated or not a neuron of the model, or the numbers differ or are not finite.
        BadOption: The strength is not finite.
        UnsupportedModel: A neuron is one of an expert.
        InterventionFailed: On leaving, if the decoder ran but a chosen site did not.

    Source: a constant in place of a neuron is the ablation of Li & Janson (arXiv:2409.09951), who compare zero,
    mean and the best constant.
    """
    with _replaced(model, ids, [values], _constants, strength):
        yield


@contextmanager
def anchored_neurons(
    model: LanguageModel,
    ids: Int64[Tensor, " k"],
    values: Float[Tensor, " k"],
    gaps: Float[Tensor, " k"],
    *,
    strength: float = 1.0,
) -> Iterator[None]:
    """Move neurons to constants where the input shows the behaviour, and by about their gap where it does not.

    At strength 1 a neuron of value v becomes v m / d - d, and no more than m if m is above 0, no less than m if
    m is below 0. Here m is its constant and d its gap: its mean on positive prompts minus its mean on negative
    ones. v / d is how much of the behaviour the neuron shows. On a typical positive prompt it is 1 or more, so the
    neuron is m, as if it was pinned; where v is 0 it is -d, which is much closer to 0 than m is. The other side has no
    bound. At strength s it is (1 - s) v + s times that; strength 0 changes no bit.

    The paper reads v once for each prompt, at the template's tokens behind the instruction, and keeps the
    result at all positions of prompt and answer. Here v is the neuron's own value at each position: a block knows
    no prompts, and the beginning that prompts share is computed before they are.

    Args:
        model: The model, of any dtype and placement.
        ids: Flat ids of the neurons, each at most once.
        values: m, one for each id, activation units.
        gaps: d, one for each id, activation units; none of them 0.
        strength: How far neurons are moved.

    Raises:
        BadCircuit: As `pinned_neurons`, or a gap is 0.
        BadOption: The strength is not finite.
        UnsupportedModel: A neuron is one of an expert.
        InterventionFailed: On leaving, if the decoder ran but a chosen site did not.

    Source: Kazemi, Chegini & Safi (arXiv:2605.08513), the anchored form a <- clamp(v m / d - d, m).
    """
    if not bool((gaps != 0).all()):
        raise BadCircuit(
            "a neuron whose means on both piles are equal cannot be anchored",
            found="a gap of 0",
            expected="a difference between the means",
        )
    with _replaced(model, ids, [values, values / gaps, gaps], _anchored, strength):
        yield


def _constants(inputs: Tensor, values: Tensor) -> Tensor:
    return values.expand_as(inputs)


def _anchored(inputs: Tensor, values: Tensor, slopes: Tensor, gaps: Tensor) -> Tensor:
    line = inputs * slopes - gaps
    return torch.where(values > 0, line.minimum(values), line.maximum(values))


@contextmanager
def _replaced(
    model: LanguageModel,
    ids: Int64[Tensor, " k"],
    numbers: Sequence[Float[Tensor, " k"]],
    new: NewValues,
    strength: float,
) -> Iterator[None]:
    """Replace neurons by values that are computed of their own and of some numbers for each neuron."""
    if not math.isfinite(strength):
        raise BadOption(f"a strength must be a finite number, not {strength}")
    rows = {neuron: row for row, neuron in enumerate(ids.tolist())}
    table = (
        torch.stack([one.float().cpu() for one in numbers])
        if len({*map(len, numbers), len(ids)}) == 1
        else None
    )
    if table is None or len(rows) != len(ids) or not bool(table.isfinite().all()):
        raise BadCircuit("neurons to pin must be distinct, with one finite value each")
    changes = {}
    for position, local in model.layout.by_position(ids):
        site, offset = model.layout.sites[position], model.layout.offsets[position]
        if site.kind != "dense":
            raise UnsupportedModel(
                "neurons of experts cannot be pinned: they are not the input of a module, and no weights make "
                "them constant",
                found=f"{len(local)} neurons of the experts at {site.path}",
                expected="neurons of dense feed-forward layers",
                do="scale them: use a circuit, such as that of the method 'cna'",
            )
        own = table[:, [rows[neuron + offset] for neuron in local.tolist()]]
        # the first row says which neurons are replaced
        spread = torch.zeros(1 + len(table), site.width)
        spread[0, local], spread[1:, local] = 1.0, own
        module = model.module.get_submodule(site.path)
        before = partial(_replaced_input, beside_weights(module, spread), new, strength)
        changes[site.path] = ModuleChange(before=before)
    with changed_modules(model, changes if strength else {}):
        yield


def _replaced_input(
    spread: Tensor,
    new: NewValues,
    strength: float,
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    named: dict[str, object],
) -> tuple[tuple[Tensor, ...], dict[str, object]]:
    """Replace inputs of a projection; the rows of `spread` are which (1 or 0), and the numbers of each neuron."""
    inputs = arguments[0]  # (..., width), or this process's share of the width
    share = own_share(spread, inputs.shape[-1], module).to(device=inputs.device)
    wanted = new(inputs, *share[1:].to(inputs.dtype))
    moved = wanted if strength == 1 else (1 - strength) * inputs + strength * wanted
    return (torch.where(share[0] > 0, moved, inputs), *arguments[1:]), named
