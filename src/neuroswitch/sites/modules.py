"""What is asked of single modules: linear maps (`nn.Linear`, GPT-2's `Conv1D`, quantised ones), weights, hooks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers.pytorch_utils import Conv1D

from neuroswitch.errors import InterventionFailed, Prerequisite

BeforeHook = Callable[..., object]
"""(module, arguments, named arguments) -> None, or the changed pair of arguments and named arguments."""
AfterHook = Callable[..., object]
"""(module, arguments, named arguments, output) -> None, or the changed output."""


@contextmanager
def hooked(
    module: nn.Module, *, before: BeforeHook | None = None, after: AfterHook | None = None
) -> Iterator[None]:
    """Call hooks before and after every forward pass of a module while the block is open."""
    handles = []
    if before is not None:
        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
    if after is not None:
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def first_tensor(module: nn.Module, values: object) -> Tensor:
    """Return a tensor, or the first element of a tuple, that a module is given or returns.

    Raises:
        InterventionFailed: It is no tensor.
    """
    found = values if isinstance(values, Tensor) or values is None else values[0]  # type: ignore[index]
    if not isinstance(found, Tensor):
        raise InterventionFailed(
            f"{type(module).__name__} does not hand over the residual stream",
            found=type(found).__name__,
            expected="a tensor, or a tuple that begins with one",
        )
    return found


def is_linear(module: nn.Module) -> bool:
    """Return whether a module maps its last axis linearly, in whatever form it stores its weight."""
    return isinstance(module, (nn.Linear, Conv1D)) or (
        hasattr(module, "in_features") and hasattr(module, "out_features")
    )


def linear_sizes(module: nn.Module) -> tuple[int, int]:
    """Return the widths of a linear map's input and output."""
    if isinstance(module, Conv1D):
        return module.nx, module.nf
    return int(module.in_features), int(module.out_features)  # type: ignore[arg-type]


def plain_weight(module: nn.Module) -> Tensor | None:
    """Return the weight (out, in) of an unquantised map that is in memory, or None for any other map.

    A sharded weight is put together, so every process must call this at the same point.
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


def mapped(module: nn.Module, inputs: Float[Tensor, "n wide"]) -> Float[Tensor, "n out"]:
    """Return the weight of a linear map times some vectors, without its bias.

    For quantised maps, which have no columns to index. Hooks are not called, so that an
    intervention that is open does not count.
    """
    return module.forward(inputs) - module.forward(torch.zeros_like(inputs))  # type: ignore[no-any-return]


def weight_device(weight: Tensor) -> torch.device:
    """Return the device that inputs must be on: accelerate moves those of offloaded modules."""
    return torch.device("cpu") if weight.is_meta else weight.device


def weights_in_memory(module: nn.Module) -> AbstractContextManager[None]:
    """Hold a module's weights in memory while the block is open, if accelerate has offloaded them.

    Raises:
        Prerequisite: They are on the meta device and accelerate has not offloaded them.
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
