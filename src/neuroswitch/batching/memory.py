"""How much fits into memory at once: an estimate to begin with, halves where it was too much.

Results are the same whatever the size of a batch, so running out of memory costs time only.
Does not know what is computed.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from accelerate.utils import get_max_memory

from neuroswitch.models import LanguageModel
from neuroswitch.sites import stream_width

MOST = {"cuda": 256}
"""Largest batch by kind of device; elsewhere MOST_ELSEWHERE, beyond which a CPU is not faster."""
MOST_ELSEWHERE = 32
SHARE = 0.5
"""How much of the free memory a batch may take."""

SIGNS = ("memory", "could not create a primitive", "could not execute a primitive")
"""What errors say where memory may have run out; oneDNN, on a CPU, names no cause."""

Item = TypeVar("Item")
Output = TypeVar("Output")


def in_halves(work: Callable[[Sequence[Item]], Output], items: Sequence[Item]) -> list[Output]:
    """Do work on all items at once, or on halves of them where memory runs out.

    Args:
        work: What to do with some of the items; called again on parts of what was too much.
        items: At least one.

    Returns:
        One output for each part, in the order of the items.

    Raises:
        RuntimeError: As torch raises it, where even one item is too much.
    """
    try:
        return [work(items)]
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if len(items) == 1 or not (
            isinstance(error, MemoryError) or any(sign in str(error) for sign in SIGNS)
        ):
            raise
    # outside of the handler, which would keep what the failed attempt has allocated
    middle = len(items) // 2
    return in_halves(work, items[:middle]) + in_halves(work, items[middle:])


def fitting_batch(model: LanguageModel, tokens: int) -> int:
    """Estimate how many sequences of some length can be read at once: at least 1.

    Counts one layer at work (its neurons several times over, its residual stream), the keys and
    values of all layers, and the float64 statistics of every neuron.

    Args:
        model: The model.
        tokens: Length of the longest sequence.
    """
    layers, hidden = len(model.layout.sites), stream_width(model.module)
    width = max(site.width for site in model.layout.sites)
    one = tokens * model.module.dtype.itemsize * (6 * width + 12 * hidden + 2 * layers * hidden)
    one += 32 * model.layout.size
    most = MOST.get(model.device.type, MOST_ELSEWHERE)
    return max(1, min(most, int(SHARE * _free(model.device) / one)))


def _free(device: torch.device) -> int:
    """Return the free memory of a device, in bytes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(get_max_memory()["cpu"])
