"""Where the weights of a model are put: one device, several with memory and disk after them, or several processes."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import TypedDict

import torch
from accelerate.utils import get_max_memory
from torch import nn
from torch.distributed.tensor import DTensor

from neuroswitch import processes
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models.cache import cache_dir
from neuroswitch.models.team import connect

SPLIT = "split"
"""All GPUs, then memory, then disk."""
PARALLEL = "tp"
"""Tensor parallel: each process holds a share of every matrix."""


class Placement(TypedDict, total=False):
    """Arguments of `from_pretrained` that say where weights are put."""

    device_map: str
    max_memory: dict[int | str, int]
    offload_folder: str
    distributed_config: object


def best_device() -> str:
    """Return the best single device of this process."""
    if torch.cuda.is_available():
        # processes that share a machine take a GPU each
        return f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ else "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def kind_of_device(device: str) -> str:
    """Return the kind of device that computes: "cpu", "cuda", "mps" or "meta"."""
    if device in (SPLIT, PARALLEL):
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device.partition(":")[0]


def placement(device: str, name: str) -> Placement:
    """Return the arguments of `from_pretrained` that put weights on a device.

    Args:
        device: A torch device, `SPLIT` or `PARALLEL`.
        name: Name of the model; its offloaded weights are put into a folder of that name.

    Raises:
        Prerequisite: Tensor parallelism is asked for in a single process, or with a transformers
            that does not offer it.
    """
    if device == SPLIT:
        parent = cache_dir() / "offload"
        parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=f"{Path(name).name}-", dir=parent)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return {"device_map": "auto", "max_memory": usable_memory(), "offload_folder": folder}
    if device != PARALLEL:
        return {"device_map": device}
    if processes.process_count() < 2:
        raise Prerequisite(
            "tensor parallelism needs several processes",
            found="1",
            do="start it with `torchrun --nproc-per-node 2 -m neuroswitch ... --device tp`",
        )
    try:
        from transformers.distributed.configuration_utils import DistributedConfig

        plan = DistributedConfig(tp_plan="auto")
    except (ImportError, TypeError) as error:
        raise Prerequisite(
            "this version of transformers cannot split a model over processes",
            found=str(error),
            do="pip install --upgrade transformers",
        ) from error
    connect()
    return {"distributed_config": plan}


def usable_memory() -> dict[int | str, int]:
    """Return how many bytes of weights each GPU and the memory may hold, of those that are free."""
    # what is read and computed must fit beside the weights
    return {device: int(size * 0.9) for device, size in get_max_memory().items()}


def require_split(module: nn.Module, name: str) -> None:
    """Raise an error for a model that tensor parallelism has left whole in every process.

    Raises:
        UnsupportedModel: No weight is sharded: transformers has no plan for this model type.
    """
    if not any(isinstance(parameter, DTensor) for parameter in module.parameters()):
        raise UnsupportedModel(
            f"transformers has no tensor parallel plan for {name}",
            found=f"{type(module).__name__} whole in each of {processes.process_count()} processes",
            do="leave --device tp out: processes then share the prompts; or --device split for one process",
        )
