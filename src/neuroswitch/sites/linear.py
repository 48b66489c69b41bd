"""Linear maps as they come: `nn.Linear`, GPT-2's `Conv1D`, quantised and wrapped variants.

Knows the shape of a map and where its weight lies; does not know which maps matter.
"""

from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers.pytorch_utils import Conv1D

from neuroswitch.errors import Prerequisite


def is_linear(module: nn.Module) -> bool:
    """Say whether a module maps its last axis linearly, whatever its weight looks like."""
    return isinstance(module, (nn.Linear, Conv1D)) or (
        hasattr(module, "in_features") and hasattr(module, "out_features")
    )


def sizes(module: nn.Module) -> tuple[int, int]:
    """Return the widths of a linear map's input and output."""
    if isinstance(module, Conv1D):
        return module.nx, module.nf
    return int(module.in_features), int(module.out_features)  # type: ignore[arg-type]


def plain_weight(module: nn.Module) -> Tensor | None:
    """Return the weight (out, in) of an unquantised map, or None where there is none to index.

    A weight on the meta device counts as none: its numbers are elsewhere. A sharded weight is
    put together, so every rank must call this at the same point.
    """
    if not isinstance(module, (nn.Linear, Conv1D)):
        return None
    weight: Tensor = module.weight
    if isinstance(weight, DTensor):
        weight = weight.full_tensor()
    # a quantised tensor may pretend to be a float: only a plain parameter can be indexed safely
    plain = type(weight) in (Tensor, nn.Parameter) and weight.is_floating_point() and weight.itemsize > 1
    if not plain or weight.device.type == "meta":
        return None
    return weight.T if isinstance(module, Conv1D) else weight


def resident(module: nn.Module) -> AbstractContextManager[None]:
    """Hold a module's weights in memory while the block is open, if accelerate has offloaded them.

    Raises:
        Prerequisite: They are on the meta device and nobody knows where the numbers are.
    """
    if not any(weight.is_meta for weight in module.parameters()):
        return nullcontext()
    if not hasattr(module, "_hf_hook"):
        raise Prerequisite(
            f"the weights of {type(module).__name__} are on the meta device",
            expected="weights in memory, or offloaded by accelerate",
        )
    from accelerate.utils import align_module_device

    return align_module_device(module)  # type: ignore[no-any-return]
