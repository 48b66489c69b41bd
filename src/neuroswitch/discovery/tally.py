"""What the neurons of one layer did, batch by batch, and what of it later layers need.

Universal neurons are the largest of all layers, so for every diverse prompt the largest so far go from
layer to layer. Does not know where they are kept.
"""

import torch
from torch import Tensor

from neuroswitch.discovery.statistics import Moments
from neuroswitch.discovery.universal import SHARE_OF_PROMPTS, TOP_FRACTION
from neuroswitch.sites import NeuronLayout


class Tally:
    """What the neurons of one layer did: moments of the two classes, the largest of the diverse prompts."""

    def __init__(self, layout: NeuronLayout, layer: int, before: tuple[Tensor, Tensor] | None) -> None:
        places = [place for place, site in enumerate(layout.sites) if site.layer == layer]
        self.first = layout.offsets[places[0]] if places else 0
        self.width = sum(layout.sites[place].neurons for place in places)
        self.count = max(1, int(TOP_FRACTION * layout.size))
        self.before = before
        self.moments: dict[str, Moments] = {}
        self.values: list[Tensor] = []
        self.ids: list[Tensor] = []

    def add(self, pile: str, neurons: Tensor) -> None:
        """Add a batch of a pile, shape (prompts, neurons of the layer)."""
        if pile != "diverse":
            add(self.moments, pile, Moments.of(neurons))
            return
        top = neurons.abs().topk(min(self.count, self.width))
        self.values.append(top.values)
        self.ids.append(top.indices + self.first)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything by name; `diverse` holds the largest of all layers so far."""
        values, ids = torch.cat(self.values), torch.cat(self.ids)
        if self.before is not None:
            values, ids = torch.cat([self.before[0], values], 1), torch.cat([self.before[1], ids], 1)
        top = values.topk(min(self.count, values.shape[1]))
        found = {"diverse.values": top.values, "diverse.ids": ids.gather(1, top.indices)}
        for pile, moments in self.moments.items():
            found |= as_tensors(pile, moments)
        return found


def add(found: dict[str, Moments], key: str, moments: Moments) -> None:
    """Merge moments into those of the same name."""
    found[key] = found[key].merge(moments) if key in found else moments


def as_tensors(key: str, moments: Moments) -> dict[str, Tensor]:
    """Return mean and squared deviations under the names they have on disk."""
    return {f"{key}.mean": moments.mean, f"{key}.m2": moments.m2}


def universal_of(ids: Tensor, neurons: int) -> Tensor:
    """Mark the neurons that `universal_neurons` marks, shape (neurons,), from the last layer's `diverse.ids`."""
    hits = torch.bincount(ids.flatten(), minlength=neurons)
    return hits >= SHARE_OF_PROMPTS * len(ids)
