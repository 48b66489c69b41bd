"""The flat neuron axis, on which every neuron of a model has one number."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from neuroswitch.errors import BadCircuit
from neuroswitch.options import UNITS, Units


@dataclass(frozen=True)
class Site:
    """One output projection of a feed-forward network or of attention, or one container of experts' projections.

    Attributes:
        layer: Index of the decoder layer, from 0.
        path: Module path from the model's root, such as `model.layers.3.mlp.down_proj`.
        kind: "dense" for a projection of its own, "experts" for a mixture of experts.
        width: Neurons of the projection, or of each expert.
        experts: Number of experts; 1 for a dense site.
        tied_to: Path of the first site that has the same weights (Zamba shares one block between
            layers), None where the weights are its own. A neuron is scaled in its own layer only.
        units: "mlp" for the inputs of a feed-forward output projection, "attention" for those of attention's.
    """

    layer: int
    path: str
    kind: Literal["dense", "experts"]
    width: int
    experts: int = 1
    tied_to: str | None = field(default=None, compare=False)
    units: Literal["mlp", "attention"] = "mlp"

    @property
    def neurons(self) -> int:
        """Return the number of neurons of this site, all experts together."""
        return self.width * self.experts


class Neuron(NamedTuple):
    """One neuron: layer, site path, expert or None, index within the site or expert."""

    layer: int
    path: str
    expert: int | None
    index: int  # type: ignore[assignment]  # hides tuple.index


@dataclass(frozen=True)
class NeuronLayout:
    """All sites of a model in order, and the flat axis that they form.

    The flat id of a neuron is the offset of its site + expert * width + index.

    Attributes:
        sites: Sites in the order of the flat axis, layer by layer.
    """

    sites: tuple[Site, ...]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Return where each site starts on the flat axis, and the total: (number of sites + 1,)."""
        return tuple(accumulate((site.neurons for site in self.sites), initial=0))

    @property
    def size(self) -> int:
        """Return the number of neurons of the model."""
        return self.offsets[-1]

    @property
    def units(self) -> Units:
        """Return which units lie on the axis: "mlp", "attention" or "both"."""
        found = {site.units for site in self.sites}
        if len(found) > 1:
            return "both"
        return "attention" if "attention" in found else "mlp"

    @property
    def words(self) -> str:
        """Return what the units are called: "neurons", "attention units" or both."""
        return UNITS[self.units]

    def span(self, site: int) -> slice:
        """Return the flat ids of the site with this position in `sites`."""
        return slice(self.offsets[site], self.offsets[site + 1])

    def locate(self, ids: Sequence[int] | Int64[Tensor, " k"]) -> list[Neuron]:
        """Name the neurons with these flat ids.

        Raises:
            BadCircuit: An id is not on this axis.
        """
        return [self._locate(flat) for flat in _checked(ids, self.size).tolist()]

    def flat(self, neuron: Neuron) -> int:
        """Return the flat id of a neuron; the inverse of `locate`.

        Raises:
            BadCircuit: The model has no such neuron.
        """
        for site, offset in zip(self.sites, self.offsets, strict=False):
            if site.path == neuron.path and site.layer == neuron.layer:
                expert = neuron.expert or 0
                named = (neuron.expert is None) == (site.kind == "dense")
                if named and 0 <= expert < site.experts and 0 <= neuron.index < site.width:
                    return offset + expert * site.width + neuron.index
                raise BadCircuit(f"no neuron {tuple(neuron)}", expected=f"a neuron of {site}")
        raise BadCircuit(f"no site {neuron.path} in layer {neuron.layer}", expected=f"one of {self.paths}")

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the module path of every site, in order."""
        return tuple(site.path for site in self.sites)

    def layers(self, ids: Sequence[int] | Int64[Tensor, " k"]) -> Int64[Tensor, " k"]:
        """Return the layer of each flat id.

        Raises:
            BadCircuit: An id is not on this axis.
        """
        layer = torch.tensor([site.layer for site in self.sites])
        return layer[self._sites_of(_checked(ids, self.size))]

    def by_site(self, ids: Sequence[int] | Int64[Tensor, " k"]) -> dict[str, Int64[Tensor, " n"]]:
        """Group flat ids by site path; values are ids within the site (expert * width + index).

        The order within a site is that of `ids`; sites without a neuron are left out.

        Raises:
            BadCircuit: An id is not on this axis.
        """
        return {self.sites[position].path: local for position, local in self.by_position(ids)}

    def by_position(
        self, ids: Sequence[int] | Int64[Tensor, " k"]
    ) -> Iterator[tuple[int, Int64[Tensor, " n"]]]:
        """Yield what `by_site` returns, with the site's position in `sites` for its path.

        Raises:
            BadCircuit: An id is not on this axis.
        """
        flat = _checked(ids, self.size)
        owner = self._sites_of(flat)
        for position in sorted(set(owner.tolist())):
            yield position, flat[owner == position] - self.offsets[position]

    def to_json(self) -> dict[str, list[dict[str, object]]]:
        """Return a JSON object from which `from_json` builds an equal layout."""
        left_out = ("tied_to", None), ("units", "mlp")  # as files say it that are older than these fields
        sites = [asdict(site) for site in self.sites]
        return {"sites": [{k: v for k, v in site.items() if (k, v) not in left_out} for site in sites]}

    @staticmethod
    def from_json(data: Mapping[str, Iterable[Mapping[str, Any]]]) -> "NeuronLayout":
        """Read what `to_json` wrote.

        Raises:
            BadCircuit: A site lacks a field or has one that is not known.
        """
        try:
            return NeuronLayout(tuple(Site(**site) for site in data["sites"]))
        except (KeyError, TypeError) as error:
            raise BadCircuit("the neuron layout cannot be read", found=str(error)) from error

    def _locate(self, flat: int) -> Neuron:
        position = bisect_right(self.offsets, flat) - 1
        site = self.sites[position]
        expert, index = divmod(flat - self.offsets[position], site.width)
        return Neuron(site.layer, site.path, expert if site.kind == "experts" else None, index)

    def _sites_of(self, ids: Int64[Tensor, " k"]) -> Int64[Tensor, " k"]:
        return torch.bucketize(ids, torch.tensor(self.offsets[1:]), right=True)


def _checked(ids: Sequence[int] | Int64[Tensor, " k"], size: int) -> Int64[Tensor, " k"]:
    flat = torch.as_tensor(ids, dtype=torch.int64).cpu()
    if len(flat) and not 0 <= int(flat.min()) <= int(flat.max()) < size:
        raise BadCircuit(
            "a neuron id is outside the model",
            found=f"ids from {int(flat.min())} to {int(flat.max())}",
            expected=f"0 to {size - 1}",
        )
    return flat
