"""Mixtures of experts: whether an intervention moves what the router chooses, on held-out prompts.

Scaling neurons changes what later layers read, and with it where their router sends a token. Read
at the last prompt token, in every layer with a router, untouched and under the intervention.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int64
from torch import Tensor

from neuroswitch.chat import encode
from neuroswitch.discovery import Reading, read_batches
from neuroswitch.measures.base import Bench, Condition, ModelMeasure, register
from neuroswitch.methods import Scaling
from neuroswitch.prompts import Prompt
from neuroswitch.records import POSITIVE, MeasureInfo
from neuroswitch.sites import Site


def _info(name: str, title: str, better: Literal["higher", "lower"], how: str) -> MeasureInfo:
    where = "at the last token of each positive prompt, mean over the layers with a router"
    return MeasureInfo(
        name=name,
        title=title,
        cost=title,
        unit="fraction",
        better=better,
        aggregate="mean",
        how=f"{how}, {where}",
    )


CHANGED = _info("routing", "Experts changed", "lower", "whether the set of chosen experts changed")
FIRST = _info("routing_first", "First expert changed", "lower", "whether the weightiest expert changed")
KEPT = _info("routing_kept", "Experts kept", "higher", "share of the untouched model's experts still chosen")
UNUSED = MeasureInfo(
    name="routing_unused",
    title="Unused neurons of experts",
    cost="unused neurons of experts",
    unit="neurons",
    better="lower",
    aggregate="mean",
    how="neurons of the circuit in experts that the untouched model chose for none of the positive prompts",
)


@dataclass(frozen=True, eq=False)
class _Choices:
    """What a router chose, one row a prompt: experts (rows, chosen), and the weightiest of them (rows,)."""

    experts: Int64[Tensor, "rows chosen"]
    first: Int64[Tensor, " rows"]


def take_routing(bench: Bench) -> None:
    """Compare the router's choices with and without each change; nothing for a model without a router.

    Without weights in memory nothing is read either.
    """
    model = bench.model
    # in the order in which batches are read: by length
    prompts = sorted(
        bench.prompts[POSITIVE], key=lambda prompt: len(encode(model.tokenizer, prompt, bench.chat))
    )
    items = [prompt.id for prompt in prompts]
    missing = [
        one for one in bench.changed() if not one.further and bench.log.lacks(one, CHANGED.name, items)
    ]
    if not missing or not any(map(_chooses, model.layout.sites)) or model.module.device.type == "meta":
        return
    before = _choices(bench, prompts, Condition())
    sites = [site for site in model.layout.sites if site.path in before]
    for condition in missing if sites else ():
        after = _choices(bench, prompts, condition)
        kept = torch.stack([_overlap(before[site.path], after[site.path]) for site in sites])  # (sites, n)
        first = torch.stack([before[site.path].first != after[site.path].first for site in sites])
        moved = kept < 1
        layers = {
            item: tuple(sorted({site.layer for site, row in zip(sites, moved, strict=True) if row[i]}))
            for i, item in enumerate(items)
        }
        for info, values in ((KEPT, kept), (FIRST, first.double())):
            bench.log.append(condition, info.name, dict(zip(items, values.mean(0).tolist(), strict=True)))
        unused = _unused(condition, before)
        if unused is not None:
            bench.log.append(condition, UNUSED.name, {"circuit": float(unused)})
        changed = dict(zip(items, moved.double().mean(0).tolist(), strict=True))
        bench.log.append(condition, CHANGED.name, changed, layers=layers)


def _unused(condition: Condition, before: Mapping[str, "_Choices"]) -> int | None:
    """Count the circuit's neurons in experts that were never chosen; None if no neurons are scaled."""
    if not isinstance(condition.intervention, Scaling):
        return None
    used = {path: set(choices.experts.flatten().tolist()) for path, choices in before.items()}
    neurons = condition.intervention.circuit.neurons()
    return sum(neuron.path in used and neuron.expert not in used[neuron.path] for neuron in neurons)


def _choices(bench: Bench, prompts: Sequence[Prompt], condition: Condition) -> dict[str, _Choices]:
    """Read what the routers choose; sites that send every token to all of their experts are left out."""
    rows: dict[str, list[_Choices]] = {}
    model = bench.model
    with condition.applied(model):
        for batch in read_batches(
            model,
            prompts,
            Reading(chat=bench.chat),
            progress=bench.progress,
            stage="read the router's choices",
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


register(ModelMeasure(CHANGED, take_routing))
register(ModelMeasure(FIRST, None))
register(ModelMeasure(KEPT, None))
register(ModelMeasure(UNUSED, None))
