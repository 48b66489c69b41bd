"""The weights of some neurons in a few numbers each: projections on fixed random directions.

A projection is linear, so a neuron scaled by c has a sketch scaled by c, and the relative change of
the sketch estimates that of the weights (Johnson & Lindenstrauss: within 1 / sqrt(2 * DIRECTIONS)).
Works on plain, quantised and offloaded weights.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.activations.output import output_columns
from neuroswitch.models import LanguageModel
from neuroswitch.sites import (
    Experts,
    experts_of,
    gathered,
    is_linear,
    linear_sizes,
    mapped,
    plain_weight,
    weights_in_memory,
)

DIRECTIONS = 64
SEED = 20260

# quantisers scale blocks of 16 to 256 neighbouring inputs, most of them 32
BLOCK = 32
GRID_TOLERANCE = 0.02
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, eq=False)
class Sketches:
    """Sketches of some neurons, in the order of the ids that were asked for.

    Attributes:
        written: Of the column of the output projection, shape (neurons, DIRECTIONS).
        read: Of the rows that feed the neuron (gate and up, or one), shape (neurons, 2, DIRECTIONS);
            an expert's is its response to the directions. Of an attention unit it is the row of the value
            projection that it averages over tokens. A row that does not exist, or is not known, is zero.
    """

    written: Float[Tensor, "neurons directions"]
    read: Float[Tensor, "neurons 2 directions"]


class WeightPrecision(NamedTuple):
    """How fine the values of weights are, in whatever type they are loaded.

    Attributes:
        dtype: The coarsest of "bfloat16", "float16" and "float32" that holds them exactly.
        quantized: Whether they are packed, or are multiples of at most 256 steps.
    """

    dtype: str
    quantized: bool


@torch.no_grad()
def sketch_neurons(model: LanguageModel, ids: Int64[Tensor, " neurons"]) -> Sketches:
    """Sketch neurons.

    Args:
        model: The untouched model.
        ids: Flat ids, ascending.

    Raises:
        BadCircuit: An id is not a neuron of the model.
        Prerequisite: Weights are not in memory.
    """
    written = output_columns(model, ids)
    sites = model.layout.sites
    read = [
        (_read_values if sites[at].units == "attention" else _read)(model.module, sites[at].path, local)
        .float()
        .cpu()
        for at, local in model.layout.by_position(ids)
    ]
    return Sketches(
        written @ directions(written.shape[-1]).T, torch.cat([torch.zeros(0, 2, DIRECTIONS), *read])
    )


def directions(hidden: int) -> Float[Tensor, "directions hidden"]:
    """Return random signs, scaled to unit length; they are the same on every machine.

    numpy never changes the numbers of `RandomState`; torch and newer generators do not promise that.
    """
    signs = np.random.RandomState(SEED).randint(0, 2, size=(DIRECTIONS, hidden)) * 2 - 1
    scaled: Tensor = torch.from_numpy(signs).float() / DIRECTIONS**0.5
    return scaled


def _read(module: nn.Module, path: str, local: Int64[Tensor, " n"]) -> Tensor:
    site = module.get_submodule(path)
    with weights_in_memory(site):
        experts = experts_of(site)
        if experts is not None:
            return _responses(experts, site, local)
    width, hidden = linear_sizes(site)
    found = torch.zeros(len(local), 2, DIRECTIONS)
    part = 0
    for sibling in module.get_submodule(path.rpartition(".")[0]).children():
        into, out = linear_sizes(sibling) if is_linear(sibling) else (0, 0)
        if into != hidden or out not in (width, 2 * width):
            continue
        # a fused projection holds the gate's rows first, then those of the up projection
        for start in range(0, out, width):
            if part < 2:
                found[:, part] = _rows(sibling, local + start, hidden)
                part += 1
    return found


def _read_values(module: nn.Module, path: str, local: Int64[Tensor, " n"]) -> Tensor:
    """Sketch the rows of the value projection that attention units are averages of.

    Heads that share values, in groups of neighbours, share their rows. Where values are no projection `v_proj` of
    their own beside the output projection, or heads are mixed (DiffLlama), the rows are not known.
    """
    found = torch.zeros(len(local), 2, DIRECTIONS)
    block = module.get_submodule(path.rpartition(".")[0])
    values, size = getattr(block, "v_proj", None), getattr(block, "head_dim", None)
    if values is None or not is_linear(values) or hasattr(block, "lambda_q1"):
        return found
    width, (hidden, out) = linear_sizes(module.get_submodule(path))[0], linear_sizes(values)
    rows, group = local, width // max(out, 1)
    if out != width:
        if not isinstance(size, int) or width % out or out % size:
            return found
        rows = local // size // group * size + local % size
    found[:, 0] = _rows(values, rows, hidden)
    return found


def _rows(module: nn.Module, rows: Int64[Tensor, " n"], hidden: int) -> Tensor:
    with weights_in_memory(module):
        weight = plain_weight(module)
        if weight is not None:
            return weight[rows.to(weight.device)].float().cpu() @ directions(hidden).T
        device = next((value.device for value in module.parameters()), torch.device("cpu"))
        probes = directions(hidden).to(device, torch.get_default_dtype())
        # a quantised map has no rows to index
        images = mapped(module, probes)
        return images[:, rows.to(images.device)].T.float().cpu()


def _responses(experts: Experts, site: nn.Module, local: Int64[Tensor, " n"]) -> Tensor:
    """Compute experts' neurons for the directions: their gate and up rows are fused in many orders."""
    written, width = experts.outgoing, experts.width
    hidden = written.shape[2]
    found = torch.zeros(len(local), 2, DIRECTIONS)
    probes = directions(hidden).to(written.device, written.dtype)
    for expert in sorted(set((local // width).tolist())):
        mine = local // width == expert
        answers = gathered(experts.neurons(probes, expert), width, site)  # (DIRECTIONS, width)
        found[mine, 0] = answers[:, local[mine] % width].T.float().cpu()
    return found


@torch.no_grad()
def precision_of(model: LanguageModel, path: str) -> WeightPrecision:
    """Return the precision of the weights of a site's output projection, from a sample of them."""
    site = model.module.get_submodule(path)
    with weights_in_memory(site):
        experts = experts_of(site)
        weight = plain_weight(site) if experts is None else experts.outgoing[0].T
        if weight is None:
            return WeightPrecision("float32", quantized=True)
        sample = weight[:4, : 8 * BLOCK].float().cpu()
    blocks = [block for row in sample for block in row.split(BLOCK) if len(block) == BLOCK]
    exact = (name for name, dtype in HALF.items() if torch.equal(sample.to(dtype).float(), sample))
    # a few blocks may hold values that were scaled or zeroed since
    return WeightPrecision(
        next(exact, "float32"), quantized=bool(blocks) and sum(map(_on_grid, blocks)) >= 0.75 * len(blocks)
    )


def _on_grid(block: Tensor) -> bool:
    """Return whether values are equally spaced in at most 256 steps, or few at all (NF4)."""
    low, high = block.min(), block.max()
    if low == high or len(set(block.tolist())) <= len(block) // 2:
        return True
    steps = torch.arange(1, 256)[:, None]
    place = (block - low) / (high - low) * steps  # (255, BLOCK)
    return bool(((place - place.round()).abs().amax(1) < GRID_TOLERANCE).any())
