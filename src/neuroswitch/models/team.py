"""Processes that share the prompts of one job: connect them, and gather what each has computed.

Every process gets the same numbers back, in the order of the ranks. Everything here but `share` must
be called by every process at the same point. If one process fails, torchrun stops the others, and
waiting has a limit. Under tensor parallelism all processes read every prompt; see `sites.sharding`.
"""

import atexit
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor

from neuroswitch import processes
from neuroswitch.models.handle import LanguageModel

LIMIT = timedelta(minutes=30)
"""How long a process waits for the slowest of the others."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Team:
    """The processes that work on different batches of one job.

    Attributes:
        rank: Number of this process, from 0.
        count: How many there are.
    """

    rank: int
    count: int

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Return the items of this process: every `count`-th one."""
        return list(items[self.rank :: self.count])

    def gather(self, values: Tensor) -> list[Tensor]:
        """Return the vectors of all processes in the order of their ranks; lengths may differ.

        Args:
            values: Shape (n,), on the CPU, of one dtype everywhere.
        """
        if self.count == 1:
            return [values]
        group = _group()
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.count)]
        distributed.all_gather(lengths, torch.tensor([len(values)]), group=group)
        longest = max(int(length) for length in lengths)
        padded = torch.cat([values, values.new_zeros(longest - len(values))])
        found = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(found, padded, group=group)
        return [one[: int(length)] for one, length in zip(found, lengths, strict=True)]


ALONE = Team(0, 1)


def team_of(model: LanguageModel) -> Team:
    """Return the processes among which prompts are split: only this one if the weights are split."""
    connect()
    split = any(isinstance(parameter, DTensor) for parameter in model.module.parameters())
    if not distributed.is_initialized() or split:
        return ALONE
    return Team(distributed.get_rank(), distributed.get_world_size())


def connect() -> None:
    """Connect the processes that a launcher started, unless there is only one or they are connected."""
    if processes.process_count() > 1 and not distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, timeout=LIMIT)
        atexit.register(_disconnect)


def _disconnect() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


@cache
def _group() -> distributed.ProcessGroup | None:
    """Return a group that carries tensors on the CPU; None stands for the default group."""
    if "gloo" in str(distributed.get_backend_config()):
        return None
    return distributed.new_group(backend="gloo", timeout=LIMIT)
