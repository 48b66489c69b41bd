"""How a model is loaded: what a user may choose, and what it comes to on this machine."""

import torch

from neuroswitch.errors import BadOption
from neuroswitch.models.placement import best_device, kind_of_device
from neuroswitch.options import LoadOptions as LoadOptions

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def chosen_device(options: LoadOptions) -> str:
    """Return the device that is asked for; the best single one where none is named."""
    return best_device() if options.device == "auto" else options.device


def chosen_dtype(options: LoadOptions) -> torch.dtype:
    """Return the type that is asked for.

    Raises:
        BadOption: It is not one that is known.
    """
    if options.dtype == "auto":
        return torch.float32 if kind_of_device(chosen_device(options)) == "cpu" else torch.bfloat16
    if options.dtype not in DTYPES:
        raise BadOption(f"unknown dtype {options.dtype!r}", expected=", ".join(["auto", *DTYPES]))
    return DTYPES[options.dtype]
