"""How a model is loaded: what a user may choose, and what it comes to on this machine."""

import torch

from neuroswitch.errors import BadOption, Prerequisite
from neuroswitch.models.placement import PARALLEL, SPLIT, best_device, kind_of_device
from neuroswitch.options import LoadOptions as LoadOptions

LOCAL_DEVICES = ("auto", SPLIT, PARALLEL, "meta", "cpu")
"""Names of devices that need nothing of the machine."""


def chosen_device(options: LoadOptions) -> str:
    """Return the device that is asked for; the best single one where none is named.

    Raises:
        BadOption: There is no device of this name.
        Prerequisite: This machine, or this build of torch, does not have it.
    """
    if options.device == "auto":
        return best_device()
    require_device(options.device)
    return options.device


def require_device(name: str) -> None:
    """Refuse a device that weights cannot be put on here.

    Raises:
        BadOption: There is no device of this name.
        Prerequisite: This machine, or this build of torch, does not have it.
    """
    if name in LOCAL_DEVICES:
        return
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadOption(
            f"there is no device {name!r}",
            found=str(error).partition("\n")[0],
            expected="auto, cpu, cuda, cuda:1, mps, split, tp or meta",
        ) from error
    missing = None
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count <= (device.index or 0):
            build = (
                "" if torch.version.cuda or torch.version.hip else ", and this torch is built without CUDA"
            )
            missing = f"{count} CUDA devices{build}"
    elif device.type == "mps" and not torch.backends.mps.is_available():
        missing = "no Apple GPU that torch can use"
    if missing is not None:
        raise Prerequisite(
            f"the device {name!r} is not there",
            found=missing,
            do="name another one: --device cpu, or leave --device out for the best one that there is; for a GPU "
            "install its driver and a torch that is built for it",
        )


def chosen_dtype(options: LoadOptions) -> torch.dtype:
    """Return the type that is asked for."""
    if options.dtype == "auto":
        return torch.float32 if kind_of_device(chosen_device(options)) == "cpu" else torch.bfloat16
    found: torch.dtype = getattr(torch, options.dtype)
    return found
