"""Mixtures of experts: whether an intervention moves what the router chooses, on held-out prompts.

Scaling neurons changes what later layers read, and with it where their router sends a token. Read
at the last prompt token, in every layer with a router, untouched and under the intervention.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from neuroswitch.activations import Intervention
from neuroswitch.chat import ChatFormat
from neuroswitch.circuits import Circuit
from neuroswitch.discovery import Reading, read_batches
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt
from neuroswitch.sites import Site
from neuroswitch.statistics import Measurement, mean

HOW = "last prompt token, all layers with a router, mean of each prompt"


@dataclass(frozen=True)
class RoutingChange:
    """How far an intervention moves the router.

    Attributes:
        prompts: How many were read.
        layers: How many sites have a router that chooses.
        sets_changed: Share of (prompt, layer) in which the set of chosen experts changed.
        top1_changed: Share in which the expert with the largest weight changed.
        overlap: Mean share of the untouched model's experts that are chosen still.
        by_layer: Layer -> prompts whose set of experts changed there.
        expert_neurons: Neurons of the circuit that belong to experts.
        unrouted: Those of them whose expert the untouched model chose for none of the prompts.
    """

    prompts: int
    layers: int
    sets_changed: Measurement
    top1_changed: Measurement
    overlap: Measurement
    by_layer: dict[int, int]
    expert_neurons: int
    unrouted: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "by_layer": {str(layer): count for layer, count in self.by_layer.items()}}


@dataclass(frozen=True, eq=False)
class _Choices:
    """What a router chose, one row a prompt: experts (rows, chosen), and the weightiest of them (rows,)."""

    experts: Int64[Tensor, "rows chosen"]
    first: Int64[Tensor, " rows"]


def routing_change(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    circuit: Circuit,
    intervention: Intervention,
    *,
    chat: ChatFormat = ChatFormat(),
    progress: Progress = silent,
) -> RoutingChange | None:
    """Compare the router's choices with and without an intervention.

    Args:
        model: The model, weights in memory.
        prompts: Held-out prompts, at least one.
        circuit: The circuit that the intervention scales.
        intervention: What changes the model.
        chat: System prompt and thinking mode.
        progress: Told after each batch.

    Returns:
        None for a model without a router that chooses, or without weights in memory.
    """
    if all(site.kind == "dense" for site in model.layout.sites) or model.module.device.type == "meta":
        return None
    before = _choices(model, prompts, chat, nullcontext(), progress)
    after = _choices(model, prompts, chat, intervention.applied(model), progress)
    sites = {site.path: site for site in model.layout.sites if site.path in before}
    if not sites:
        return None
    kept = torch.stack([_overlap(before[path], after[path]) for path in sites])  # (sites, prompts)
    moved = kept < 1
    first = torch.stack([before[path].first != after[path].first for path in sites])
    by_layer: Counter[int] = Counter()
    for site, row in zip(sites.values(), moved, strict=True):
        by_layer[site.layer] += int(row.sum())
    used = {path: set(choices.experts.flatten().tolist()) for path, choices in before.items()}
    return RoutingChange(
        prompts=len(prompts),
        layers=len(sites),
        sets_changed=_share("experts changed", moved.double()),
        top1_changed=_share("weightiest expert changed", first.double()),
        overlap=_share("experts kept", kept),
        by_layer=dict(sorted(by_layer.items())),
        expert_neurons=sum(neuron.expert is not None for neuron in circuit.neurons()),
        unrouted=sum(
            neuron.path in used and neuron.expert not in used[neuron.path] for neuron in circuit.neurons()
        ),
    )


def _choices(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    chat: ChatFormat,
    state: AbstractContextManager[None],
    progress: Progress,
) -> dict[str, _Choices]:
    """Read what the routers choose; sites that send every token to all of their experts are left out."""
    rows: dict[str, list[_Choices]] = {}
    with state:
        for batch in read_batches(
            model, prompts, Reading(chat=chat), progress=progress, stage="read the router's choices"
        ):
            for site in filter(_chooses, model.layout.sites):
                routing = batch.routing[site.path]
                best = routing.weights.argmax(1, keepdim=True)
                first = routing.experts.gather(1, best)[:, 0]
                rows.setdefault(site.path, []).append(_Choices(routing.experts, first))
    found = {}
    for site in model.layout.sites:
        parts = rows.get(site.path, [])
        # a router may choose more experts for one batch than for another: the rest is no choice
        width = max((part.experts.shape[1] for part in parts), default=0)
        if 0 < width < site.experts:
            experts = torch.cat([_padded(part.experts, width) for part in parts])
            found[site.path] = _Choices(experts, torch.cat([part.first for part in parts]))
    return found


def _chooses(site: Site) -> bool:
    return site.kind == "experts" and site.experts > 1


def _padded(experts: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(experts, (0, width - experts.shape[1]), value=-1)


def _overlap(before: _Choices, after: _Choices) -> Tensor:
    """Return for each prompt which share of the experts of before is chosen after, (prompts,)."""
    chosen = before.experts >= 0
    same = (before.experts[:, :, None] == after.experts[:, None, :]).any(2) & chosen
    return same.sum(1).double() / chosen.sum(1)


def _share(name: str, values: Tensor) -> Measurement:
    """Average (sites, prompts) over sites, and measure the mean over prompts."""
    return mean(name, values.mean(0).tolist(), unit="fraction", how=HOW)
