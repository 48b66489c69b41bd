"""Estimates before a model is loaded: bytes from its structure, seconds from the speed of one matrix product.

They tell a minute from an hour, and what fits into memory from what does not.
"""

import time
from dataclasses import dataclass
from typing import cast

import torch
from accelerate.utils import get_max_memory
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuroswitch.sites import SiteMap, is_linear, stream_width, text_config, vocabulary_size

STATISTICS = 40
"""Bytes for each neuron: float64 mean and squared deviations of two classes, float32 scores twice."""

CHOSEN_EXPERTS = (
    "num_experts_per_tok",
    "moe_top_k",
    "moe_topk",
    "top_k_experts",
    "num_experts_per_token",
    "moe_k",
)
"""Settings of configurations that say how many experts a token is sent to."""


@dataclass(frozen=True)
class Workload:
    """The amount of work of a run.

    Attributes:
        read: Prompts that are read once.
        answers: Answers that are written.
        prompt: Tokens of a prompt.
        answer: Tokens of an answer.
        batch: Prompts in one batch.
    """

    read: int
    answers: int
    prompt: int
    answer: int
    batch: int


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes.

    Attributes:
        weights: In the type they are loaded in.
        statistics: Of all neurons, while a circuit is discovered.
        states: Neurons, hidden states, keys and values of one batch, logits included.
        machine: Memory of the device that would be used: all of a GPU, the free part of the machine's.
    """

    weights: int
    statistics: int
    states: int
    machine: int

    @property
    def total(self) -> int:
        """Return what is needed at the same time."""
        return self.weights + self.statistics + self.states


@dataclass(frozen=True)
class TimeEstimate:
    """Seconds, from the operations that the weights need and the speed of one product on this machine.

    Attributes:
        operations: Floating-point operations for each token.
        rate: Operations per second of a product as large as an output projection.
        discovery: Seconds to read the prompts.
        answers: Seconds to write the answers.
    """

    operations: float
    rate: float
    discovery: float
    answers: float


def estimate_memory(
    module: PreTrainedModel, found: SiteMap, dtype: torch.dtype, bits: float | None, work: Workload
) -> MemoryEstimate:
    """Estimate memory.

    Args:
        module: The model on the meta device.
        found: Its sites.
        dtype: Type of weights that are not quantised, and of activations.
        bits: Bits of a weight of a quantised linear map, or None.
        work: What is done with the model.
    """
    layers = cast(nn.ModuleList, module.get_submodule(found.layers_path))
    quantised = {
        id(child.weight): child.weight.numel()
        for child in layers.modules()
        if bits is not None and is_linear(child) and isinstance(child.weight, Tensor)
    }
    plain = sum(weight.numel() for weight in module.parameters() if id(weight) not in quantised)
    weights = plain * dtype.itemsize + int(sum(quantised.values()) * (bits or 0) / 8)
    hidden, tokens = stream_width(module), work.batch * (work.prompt + work.answer)
    widest = max(site.width for site in found.layout.sites)
    kept = 2 * hidden * len(layers)  # keys and values, at most as wide as the stream
    states = tokens * (kept + 6 * hidden) * dtype.itemsize
    states += work.batch * work.prompt * 3 * widest * dtype.itemsize
    states += work.batch * (found.layout.size + vocabulary_size(module)) * 4
    if torch.cuda.is_available():
        machine = sum(torch.cuda.mem_get_info(device)[1] for device in range(torch.cuda.device_count()))
    else:
        machine = get_max_memory()["cpu"]
    return MemoryEstimate(weights, STATISTICS * found.layout.size, states, int(machine))


def estimate_time(
    module: PreTrainedModel, found: SiteMap, dtype: torch.dtype, work: Workload
) -> TimeEstimate:
    """Estimate time; measures a matrix product.

    Args:
        module: The model on the meta device.
        found: Its sites.
        dtype: Type of the weights.
        work: What is done with the model.
    """
    operations = 2.0 * _active_parameters(module, found)
    rate = _measured_rate(stream_width(module), found.layout.sites[0].width, dtype)
    reading = operations * work.read * work.prompt / rate
    answering = operations * work.answers * (work.prompt + work.answer) / rate
    return TimeEstimate(operations, rate, reading, answering)


def _active_parameters(module: PreTrainedModel, found: SiteMap) -> float:
    """Count the parameters that one token uses; of experts as many as the router chooses."""
    settings = [getattr(text_config(module), name, None) for name in CHOSEN_EXPERTS]
    chosen = next((value for value in settings if isinstance(value, int)), 1)
    shares: dict[int, float] = {}
    for site in found.layout.sites:
        if site.kind == "experts":
            parameters = module.get_submodule(site.path).parameters()
            share = min(chosen, site.experts) / site.experts
            shares.update({id(weight): share for weight in parameters if weight.dim() > 1})
    layers = module.get_submodule(found.layers_path)
    active = sum(weight.numel() * shares.get(id(weight), 1.0) for weight in layers.parameters())
    return active + float(stream_width(module)) * vocabulary_size(module)


def _measured_rate(hidden: int, width: int, dtype: torch.dtype) -> float:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    values = torch.ones(256, min(width, 8192), dtype=dtype, device=device)
    weight = torch.ones(min(hidden, 4096), values.shape[1], dtype=dtype, device=device)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        product = nn.functional.linear(values, weight)
        product[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - start)
    return 2.0 * len(values) * weight.numel() / best
