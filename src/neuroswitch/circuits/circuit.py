"""A circuit: the neurons behind a behaviour, with what was measured of each, as a value.

Knows the neuron axis it lives on and where it comes from; never holds a model.
"""

from collections import Counter
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.errors import WrongModel
from neuroswitch.provenance import Provenance
from neuroswitch.sites import Neuron, NeuronLayout


@dataclass(frozen=True, eq=False)
class Circuit:
    """Neurons of one model.

    Attributes:
        layout: The flat neuron axis of the model.
        ids: Flat neuron ids, ascending, unique.
        scores: What the ranking gave each neuron; positive promotes the behaviour.
        positive_mean: Mean activation over the positive prompts, activation units.
        negative_mean: Mean activation over the negative prompts, activation units.
        provenance: Model, prompts, ranking, versions, date.

    Raises:
        ValueError: The ids are not ascending, not unique or outside the layout, or a value is
            missing or not finite.
    """

    layout: NeuronLayout
    ids: Int64[Tensor, " neurons"]
    scores: Float[Tensor, " neurons"]
    positive_mean: Float[Tensor, " neurons"]
    negative_mean: Float[Tensor, " neurons"]
    provenance: Provenance

    def __post_init__(self) -> None:
        if len(self.ids) and not 0 <= int(self.ids[0]) <= int(self.ids[-1]) < self.layout.size:
            raise ValueError(f"neuron ids outside the layout of {self.layout.size} neurons")
        if not bool((self.ids.diff() > 0).all()):
            raise ValueError("neuron ids must be ascending and unique")
        for values in (self.scores, self.positive_mean, self.negative_mean):
            if values.shape != self.ids.shape or not bool(values.isfinite().all()):
                raise ValueError("every neuron needs a finite score and finite means")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fraction(self) -> float:
        """Share of all MLP neurons of the model, 0-1."""
        return len(self) / self.layout.size

    def neurons(self) -> list[Neuron]:
        """Return the neurons as (layer, path, expert, index), in the order of `ids`."""
        return self.layout.locate(self.ids)

    def by_layer(self) -> dict[int, int]:
        """Count the neurons of each layer; layers without any are left out."""
        return dict(sorted(Counter(neuron.layer for neuron in self.neurons()).items()))

    def sharing(self) -> int:
        """Count the neurons whose weights are those of other layers too, as in Zamba.

        They are scaled in their own layer only, and cannot be exported as weights.
        """
        tied = {site.tied_to for site in self.layout.sites if site.tied_to}
        shared = {site.path for site in self.layout.sites if site.tied_to or site.path in tied}
        return sum(neuron.path in shared for neuron in self.neurons())

    def strongest(self, count: int) -> "Circuit":
        """Return the circuit of the `count` neurons with the largest |score|."""
        return self._where(self.scores.abs().topk(min(count, len(self))).indices.sort().values)

    def jaccard(self, other: "Circuit") -> float:
        """Return the Jaccard index of two circuits: shared neurons over neurons of either, 0-1."""
        either = len(self | other)
        return len(self & other) / either if either else 1.0

    def __and__(self, other: "Circuit") -> "Circuit":
        """Keep the neurons that both have, with the values of `self`."""
        return self._where(torch.isin(self.ids, self._compatible(other).ids).nonzero()[:, 0])

    def __sub__(self, other: "Circuit") -> "Circuit":
        """Keep the neurons that `other` does not have."""
        return self._where((~torch.isin(self.ids, self._compatible(other).ids)).nonzero()[:, 0])

    def __or__(self, other: "Circuit") -> "Circuit":
        """Join two circuits; where both have a neuron, the values of `self` stand."""
        extra = other - self
        ids, order = torch.cat([self.ids, extra.ids]).sort()
        return Circuit(
            self.layout,
            ids,
            torch.cat([self.scores, extra.scores])[order],
            torch.cat([self.positive_mean, extra.positive_mean])[order],
            torch.cat([self.negative_mean, extra.negative_mean])[order],
            self.provenance,
        )

    def _where(self, rows: Tensor) -> "Circuit":
        return Circuit(
            self.layout,
            self.ids[rows],
            self.scores[rows],
            self.positive_mean[rows],
            self.negative_mean[rows],
            self.provenance,
        )

    def _compatible(self, other: "Circuit") -> "Circuit":
        if self.layout != other.layout:
            raise WrongModel(
                "the two circuits live on different neuron axes",
                found=f"{self.layout.size} neurons in {len(self.layout.sites)} sites and "
                f"{other.layout.size} neurons in {len(other.layout.sites)} sites",
                do="compare circuits of checkpoints of one shape only",
            )
        return other
