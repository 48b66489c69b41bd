"""How a model is loaded: the user's options, and the device and type that they stand for on this machine."""

from dataclasses import dataclass

import torch

from neuroswitch.errors import BadOption
from neuroswitch.models.placement import best_device, kind_of_device

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LoadOptions:
    """How a model is loaded."""

    revision: str | None = None
    """Commit, tag or branch on the Hub."""
    dtype: str = "auto"
    """Type of the weights: float32, bfloat16, float16, or auto: float32 on a CPU, bfloat16 on a GPU."""
    device: str = "auto"
    """cpu, cuda:1, ...; auto: best single device; split: GPUs, then memory, then disk; tp: tensor parallel."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Read it first."""
    sites: str | None = None
    """Where the neurons are, if they are not found: a pattern such as "model.layers.{layer}.ffn.linear_out"."""
    quantize: str | None = None
    """Quantise linear maps while loading: bnb-8bit, bnb-4bit, torchao-int8 or quanto-int8."""


def chosen_device(options: LoadOptions) -> str:
    """Return the device of the options; for "auto" the best single device."""
    return best_device() if options.device == "auto" else options.device


def chosen_dtype(options: LoadOptions) -> torch.dtype:
    """Return the type of the options.

    Raises:
        BadOption: There is no such type.
    """
    if options.dtype == "auto":
        return torch.float32 if kind_of_device(chosen_device(options)) == "cpu" else torch.bfloat16
    if options.dtype not in DTYPES:
        raise BadOption(f"unknown dtype {options.dtype!r}", expected=", ".join(["auto", *DTYPES]))
    return DTYPES[options.dtype]
