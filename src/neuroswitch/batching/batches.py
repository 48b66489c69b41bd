"""The one batch loop: sort rows by length, cut them into batches, halve a batch where memory runs out.

The results of a row are the same for all batch sizes, up to rounding.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from accelerate.utils import get_max_memory

from neuroswitch.models import ALONE, LanguageModel, Team
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import stream_width

LARGEST_BATCH = {"cuda": 256}
"""Largest batch by kind of device; on others LARGEST_ELSEWHERE, above which a CPU is not faster."""
LARGEST_ELSEWHERE = 32
SHARE_OF_MEMORY = 0.5
"""Share of the free memory that a batch may take."""

OUT_OF_MEMORY = ("memory", "could not create a primitive", "could not execute a primitive")
"""Parts of error messages where memory may have run out; oneDNN, on a CPU, names no cause."""

Item = TypeVar("Item")
Output = TypeVar("Output")


def plan_batches(
    lengths: Sequence[int],
    size: int | Callable[[Sequence[int]], bool],
    *,
    groups: Sequence[Sequence[int]] | None = None,
    team: Team = ALONE,
) -> list[list[int]]:
    """Cut rows into batches of similar length, so that little is padded.

    Args:
        lengths: Tokens of each row; the same in every process of the team.
        size: Rows of a batch, at most; or a function that says whether some rows fit into one batch.
        groups: Rows that may share a batch; None if all may.
        team: Processes that share the batches. The smallest size of all counts, and batches get smaller
            where otherwise a process would be left without one.

    Returns:
        Batches of this process, as row numbers.
    """
    if isinstance(size, int):
        smallest = int(torch.cat(team.gather(torch.tensor([size]))).min())
        most = max(1, min(smallest, -(-len(lengths) // team.count)))
    found: list[list[int]] = []
    given = [range(len(lengths))] if groups is None else groups
    parts = [sorted(group, key=lengths.__getitem__) for group in given if len(group)]
    for group in sorted(parts, key=lambda group: lengths[group[0]]):
        batch: list[int] = []
        for row in group:
            if batch and not (len(batch) < most if isinstance(size, int) else size([*batch, row])):
                found.append(batch)
                batch = []
            batch.append(row)
        found.append(batch)
    return team.share(found)


def in_batches(
    work: Callable[[Sequence[Item]], Output],
    items: Sequence[Item],
    batches: Sequence[Sequence[int]],
    *,
    progress: Progress = silent,
    stage: str = "read",
) -> Iterator[Output]:
    """Do work batch by batch, in halves where memory runs out.

    Args:
        work: Function of some of the items.
        items: All of them.
        batches: Which of them go together: what `plan_batches` returned.
        progress: Called after each batch.
        stage: Name of the work.

    Yields:
        What the work returned for each batch, or for each part of it.
    """
    done, total = 0, sum(map(len, batches))
    for batch in batches:
        yield from in_halves(work, [items[row] for row in batch])
        done += len(batch)
        progress(stage, done, total)


def in_halves(work: Callable[[Sequence[Item]], Output], items: Sequence[Item]) -> list[Output]:
    """Do work on all items at once, or on halves of them where memory runs out.

    Args:
        work: Function of some of the items; called again on parts of what was too much.
        items: At least one.

    Returns:
        One output for each part, in the order of the items.

    Raises:
        RuntimeError: As torch raises it, where even one item is too much.
    """
    try:
        return [work(items)]
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if len(items) == 1 or not is_out_of_memory(error):
            raise
    # outside of the handler, which would keep what the failed attempt has allocated
    middle = len(items) // 2
    return in_halves(work, items[:middle]) + in_halves(work, items[middle:])


def is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Return whether an error may mean that memory has run out."""
    return isinstance(error, MemoryError) or any(part in str(error) for part in OUT_OF_MEMORY)


def fitting_batch(model: LanguageModel, tokens: int) -> int:
    """Estimate how many sequences of some length can be read at once: at least 1.

    Counts one layer (its neurons several times over, its residual stream), the keys and values of all
    layers, and the float64 statistics of every neuron.

    Args:
        model: The model.
        tokens: Length of the longest sequence.
    """
    layers, hidden = len(model.layout.sites), stream_width(model.module)
    width = max(site.width for site in model.layout.sites)
    one = tokens * model.module.dtype.itemsize * (6 * width + 12 * hidden + 2 * layers * hidden)
    one += 32 * model.layout.size
    most = LARGEST_BATCH.get(model.device.type, LARGEST_ELSEWHERE)
    return max(1, min(most, int(SHARE_OF_MEMORY * _free_memory(model.device) / one)))


def _free_memory(device: torch.device) -> int:
    """Return the free memory of a device, in bytes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(get_max_memory()["cpu"])
