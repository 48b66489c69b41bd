"""Two fingerprints of a circuit compared: how each neuron changed, and what was done to its layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.fingerprint import Fingerprint
from neuroswitch.sites import Neuron

State = Literal["intact", "zeroed", "scaled", "changed"]
Cause = Literal["none", "edited", "quantized", "merged adapter", "retrained", "another model"]

# relative rounding of a sketch: nothing smaller is a change
TOLERANCE = {"float32": 1e-4, "float16": 1e-3, "bfloat16": 4e-3}
TINY = 1e-30
ROWS = 16
"""Fewer neurons of one layer show no rank of a change."""
RELATED = 0.5
"""Median cosine of then and now below which weights come from another training: near 0 there, near 1 after tuning."""
ENERGY = 0.99
"""Share of a change's energy that counts; the rest may be the rounding of a merge."""


@dataclass(frozen=True)
class NeuronCheck:
    """How one neuron changed.

    Attributes:
        neuron: Which.
        state: "scaled" if its weights are multiples of what they were, "changed" if they are not.
        factor: What its output is multiplied by; 1 intact, 0 zeroed, None where it changed.
        change: Relative change of its weights, 0 where nothing happened.
    """

    neuron: Neuron
    state: State
    factor: float | None
    change: float


class Finding(NamedTuple):
    """What was done to the circuit's layers, and the rank of a merged adapter (None for other causes)."""

    cause: Cause
    lora_rank: int | None


def compare(circuit: Circuit, before: Fingerprint, after: Fingerprint) -> tuple[NeuronCheck, ...]:
    """Check every neuron of a circuit.

    Args:
        circuit: Its neurons must be in both fingerprints.
        before: Taken when the circuit was saved.
        after: Taken of the same neurons in the checkpoint at hand.
    """
    chosen = torch.isin(before.ids, circuit.ids)
    then, now = _vectors(before)[chosen], _vectors(after)[chosen]  # (k, 3, D)
    tolerance = _tolerance(before, after)
    norm = then.norm(dim=-1).clamp_min(TINY)
    factor = torch.where(norm > TINY, (then * now).sum(-1) / norm**2, 1.0)  # (k, 3)
    change = _change(then, now)
    gone = (norm > TINY) & (now.norm(dim=-1) <= tolerance * norm)
    off_line = (now - factor[..., None] * then).norm(dim=-1) / norm
    flags = (gone.any(-1), (change <= tolerance).all(-1), (off_line <= tolerance).all(-1))
    states = [_state(*row) for row in zip(*(flag.tolist() for flag in flags), strict=True)]
    known = {"intact": 1.0, "zeroed": 0.0, "changed": None}
    rows = zip(circuit.neurons(), states, factor.prod(-1).tolist(), change.amax(-1).tolist(), strict=True)
    return tuple(
        NeuronCheck(neuron, state, known.get(state, product), 0.0 if state == "intact" else moved)
        for neuron, state, product, moved in rows
    )


def _state(zeroed: bool, intact: bool, scaled: bool) -> State:
    if zeroed:
        return "zeroed"
    if intact:
        return "intact"
    return "scaled" if scaled else "changed"


def find_cause(circuit: Circuit, before: Fingerprint, after: Fingerprint) -> Finding:
    """Find what was done, from all sketched neurons of the circuit's layers."""
    moved = (_change(_vectors(before), _vectors(after)) > _tolerance(before, after)).any(-1)
    control = ~torch.isin(before.ids, circuit.ids)
    elsewhere = moved & control
    if _similarity(before, after, control) < RELATED:
        return Finding("another model", None)
    if after.texture.quantized and (bool(elsewhere.any()) or not before.texture.quantized):
        return Finding("quantized", None)
    if not bool(moved.any()):
        return Finding("none", None)
    if bool(control.any()) and int(elsewhere.sum()) < int(control.sum()) / 2:
        return Finding("edited", None)
    ranks = [_rank(change) for change in _changes(circuit, before, after, elsewhere)]
    if ranks and all(2 * rank <= possible for rank, possible in ranks):
        return Finding("merged adapter", max(rank for rank, _ in ranks))
    return Finding("retrained", None)


def _similarity(before: Fingerprint, after: Fingerprint, control: Bool[Tensor, " neurons"]) -> float:
    """Return the median cosine of the controls' weights then and now, over those that are not zero in either.

    Neurons of the circuit may have been scaled by a negative number, so they count only where there are no controls.
    """
    chosen = control if bool(control.any()) else torch.ones_like(control)
    then, now = _vectors(before)[chosen], _vectors(after)[chosen]  # (n, 3, D)
    cosine = torch.nn.functional.cosine_similarity(then, now, dim=-1)
    there = (then.norm(dim=-1) > TINY) & (now.norm(dim=-1) > TINY)
    if not bool(control.any()):
        cosine = cosine.abs()
    return float(cosine[there].median()) if bool(there.any()) else 1.0


def _changes(
    circuit: Circuit, before: Fingerprint, after: Fingerprint, chosen: Bool[Tensor, " neurons"]
) -> Iterator[Float[Tensor, "rows directions"]]:
    """Yield the change of each kind of weights in each site that has enough rows to show a rank."""
    difference = (_vectors(after) - _vectors(before))[chosen]  # (n, 3, D)
    counts = [len(local) for local in circuit.layout.by_site(before.ids[chosen]).values()]
    for block in torch.split(difference, counts):
        if len(block) >= ROWS:
            yield from (part for part in block.unbind(1) if bool(part.any()))


def _rank(change: Float[Tensor, "rows directions"]) -> tuple[int, int]:
    """Return how many directions hold the energy of a change, and how many it could have."""
    energy = torch.linalg.svdvals(change).square()
    share = energy.cumsum(0) / energy.sum()
    return int((share < ENERGY).sum()) + 1, min(change.shape)


def _change(
    then: Float[Tensor, "neurons 3 directions"], now: Float[Tensor, "neurons 3 directions"]
) -> Float[Tensor, "neurons 3"]:
    """Return the relative change of each vector; 0 for those that exist in neither."""
    relative: Tensor = (now - then).norm(dim=-1) / then.norm(dim=-1).clamp_min(TINY)
    return relative


def _vectors(fingerprint: Fingerprint) -> Float[Tensor, "neurons 3 directions"]:
    """Return what each neuron writes, and the two things it reads, in one tensor."""
    return torch.cat([fingerprint.written[:, None], fingerprint.read], dim=1).double()


def _tolerance(before: Fingerprint, after: Fingerprint) -> float:
    return max(TOLERANCE[before.texture.dtype], TOLERANCE[after.texture.dtype])
