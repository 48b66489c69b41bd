"""What a model will cost before it is loaded: bytes from its structure, seconds from a small measurement.

Rough on purpose: to tell a minute from an hour and what fits from what does not. Knows shapes on
the meta device; loads nothing.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import get_max_memory
from transformers import PreTrainedModel

from neuroswitch.sites import SiteMap, is_linear, stream_width, token_embedding

STATISTICS = 40
"""Bytes for each neuron: float64 mean and squared deviations of two classes, float32 scores twice."""


@dataclass(frozen=True)
class Work:
    """What a run does.

    Attributes:
        read: Prompts that are read once.
        answers: Answers that are written.
        prompt: Tokens of a prompt.
        answer: Tokens of an answer.
        batch: Prompts that are worked on together.
    """

    read: int
    answers: int
    prompt: int
    answer: int
    batch: int


@dataclass(frozen=True)
class Memory:
    """Bytes.

    Attributes:
        weights: In the type they are loaded in.
        statistics: Of all neurons, while a circuit is discovered.
        states: Neurons, hidden states and keys and values of one batch, logits included.
        machine: Memory of the device that would be used: all of a GPU, what is free of the machine's.
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
class Duration:
    """Seconds, from the operations that the weights cost and the speed of one product on this machine.

    Attributes:
        operations: Floating-point operations for each token.
        rate: Operations a second that a product as large as an output projection reaches here.
        discovery: Reading the prompts.
        answers: Writing the answers.
    """

    operations: float
    rate: float
    discovery: float
    answers: float


def memory(
    module: PreTrainedModel, found: SiteMap, dtype: torch.dtype, bits: float | None, work: Work
) -> Memory:
    """Estimate memory.

    Args:
        module: The model on the meta device.
        found: Its sites.
        dtype: Type of weights that are not quantised, and of activations.
        bits: Bits of a weight of a quantised linear map, or None.
        work: What is done with it.
    """
    layers: Any = module.get_submodule(found.layers_path)
    quantised = {
        id(child.weight): child.weight.numel()
        for child in layers.modules()
        if bits is not None and is_linear(child) and isinstance(child.weight, torch.Tensor)
    }
    plain = sum(weight.numel() for weight in module.parameters() if id(weight) not in quantised)
    weights = plain * dtype.itemsize + int(sum(quantised.values()) * (bits or 0) / 8)
    hidden, tokens = stream_width(module), work.batch * (work.prompt + work.answer)
    widest = max(site.width for site in found.layout.sites)
    kept = 2 * hidden * len(layers)  # keys and values, at most as wide as the stream
    states = (
        tokens * (kept + 6 * hidden) * dtype.itemsize + work.batch * work.prompt * 3 * widest * dtype.itemsize
    )
    states += work.batch * (found.layout.size + _vocabulary(module)) * 4
    return Memory(weights, STATISTICS * found.layout.size, states, _machine())


def duration(module: PreTrainedModel, found: SiteMap, dtype: torch.dtype, work: Work) -> Duration:
    """Estimate time; measures a matrix product for a moment.

    Args:
        module: The model on the meta device.
        found: Its sites.
        dtype: Type of the weights.
        work: What is done with it.
    """
    operations = 2.0 * _active(module, found)
    site = found.layout.sites[0]
    rate = _rate(stream_width(module), site.width, dtype)
    reading = operations * work.read * work.prompt / rate
    answering = operations * work.answers * (work.prompt + work.answer) / rate
    return Duration(operations, rate, reading, answering)


def _active(module: PreTrainedModel, found: SiteMap) -> float:
    """Count the parameters that one token meets; of experts as many as are chosen."""
    config: Any = module.config.get_text_config(decoder=True)
    chosen = _chosen(config)
    layers = module.get_submodule(found.layers_path)
    fused: dict[int, float] = {}
    for site in found.layout.sites:
        if site.kind == "experts":
            share = min(chosen, site.experts) / site.experts
            parameters = module.get_submodule(site.path).parameters()
            fused.update({id(weight): share for weight in parameters if weight.dim() > 1})
    active = sum(weight.numel() * fused.get(id(weight), 1.0) for weight in layers.parameters())
    return active + float(stream_width(module)) * _vocabulary(module)


def _vocabulary(module: PreTrainedModel) -> int:
    return len(next(token_embedding(module).parameters()))


def _chosen(config: Any) -> int:
    names = (
        "num_experts_per_tok",
        "moe_top_k",
        "moe_topk",
        "top_k_experts",
        "num_experts_per_token",
        "moe_k",
    )
    found = [getattr(config, name, None) for name in names]
    return next((value for value in found if isinstance(value, int)), 1)


def _rate(hidden: int, width: int, dtype: torch.dtype) -> float:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    values = torch.ones(256, min(width, 8192), dtype=dtype, device=device)
    weight = torch.ones(min(hidden, 4096), values.shape[1], dtype=dtype, device=device)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        product = torch.nn.functional.linear(values, weight)
        product[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - start)
    return 2.0 * len(values) * weight.numel() / best


def _machine() -> int:
    if torch.cuda.is_available():
        return int(sum(torch.cuda.mem_get_info(device)[1] for device in range(torch.cuda.device_count())))
    return int(get_max_memory()["cpu"])
