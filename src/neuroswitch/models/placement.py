"""Where the weights of a model go: one device, several with memory and disk behind them, or several processes.

Turns the name of a device into what `from_pretrained` must be told. Does not know models.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import get_max_memory
from torch import nn
from torch.distributed.tensor import DTensor

from neuroswitch import processes
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models.cache import cache_dir
from neuroswitch.models.processes import connect

SPLIT = "split"
"""All GPUs, then memory, then disk."""
PARALLEL = "tp"
"""Tensor parallel: each process holds a share of every matrix."""


def best_device() -> str:
    """Return the best single device of this process."""
    if torch.cuda.is_available():
        # processes that share a machine take a GPU each
        return f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ else "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def kind_of(device: str) -> str:
    """Return what kind of device the weights are computed on: "cpu", "cuda", "mps" or "meta"."""
    if device in (SPLIT, PARALLEL):
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device.partition(":")[0]


def placement(device: str, name: str) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` that put weights where `device` says.

    Args:
        device: A torch device, `SPLIT` or `PARALLEL`.
        name: What the model is called; its offloaded weights lie in a folder of that name.

    Raises:
        Prerequisite: Tensor parallelism is asked for in a process of its own, or of a transformers
            that cannot do it.
    """
    if device == PARALLEL:
        return _parallel()
    if device == SPLIT:
        return {"device_map": "auto", "max_memory": memory(), "offload_folder": str(_scratch(name))}
    return {"device_map": device}


def memory() -> dict[Any, int]:
    """Return how many bytes of weights each GPU and the memory may hold, as accelerate finds them free."""
    found: dict[Any, int] = get_max_memory()
    # what is read and computed must fit beside the weights
    return {device: int(size * 0.9) for device, size in found.items()}


def require_split(module: nn.Module, name: str) -> None:
    """Refuse a model that tensor parallelism has left whole in every process.

    Raises:
        UnsupportedModel: No weight is sharded: transformers has no plan for this model type.
    """
    if not any(isinstance(parameter, DTensor) for parameter in module.parameters()):
        raise UnsupportedModel(
            f"transformers has no tensor parallel plan for {name}",
            found=f"{type(module).__name__} whole in each of {processes.process_count()} processes",
            do="leave --device tp out: processes then share the prompts; or --device split for one process",
        )


def _scratch(name: str) -> Path:
    """Return a folder for weights that do not fit into memory; it is gone when the process ends."""
    parent = cache_dir() / "offload"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{Path(name).name}-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _parallel() -> dict[str, Any]:
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
