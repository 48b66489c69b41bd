"""How a model is loaded: what a user may choose, and what it comes to on this machine."""

from dataclasses import dataclass

import torch

from neuroswitch.errors import BadOption
from neuroswitch.models.placement import best_device, kind_of

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LoadOptions:
    """How a model is loaded."""

    revision: str | None = None
    """Commit, tag or branch on the Hub."""
    dtype: str = "auto"
    """auto (float32 on a CPU, bfloat16 on a GPU), float32, bfloat16 or float16."""
    device: str = "auto"
    """auto (the best single device), cpu, cuda:1, mps ...; split: all GPUs, then memory, then disk; tp: over
    the processes that torchrun started; meta: the structure without weights."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Read it first."""
    sites: str | None = None
    """Where the neurons are, if they are not found: model.layers.{layer}.ffn.linear_out"""
    quantize: str | None = None
    """Quantise while loading: bnb-8bit, bnb-4bit, torchao-int8 or quanto-int8."""


def chosen_device(options: LoadOptions) -> str:
    """Return the device that is asked for; the best single one where none is named."""
    return best_device() if options.device == "auto" else options.device


def chosen_dtype(options: LoadOptions) -> torch.dtype:
    """Return the type that is asked for.

    Raises:
        BadOption: It is not one that is known.
    """
    if options.dtype == "auto":
        return torch.float32 if kind_of(chosen_device(options)) == "cpu" else torch.bfloat16
    if options.dtype not in DTYPES:
        raise BadOption(f"unknown dtype {options.dtype!r}", expected=", ".join(["auto", *DTYPES]))
    return DTYPES[options.dtype]
