"""Tensor parallelism: each process (rank) holds a contiguous share of the neurons of a site.

transformers splits the output projection by its input, so rank r of n holds the neurons from r * width / n on.
"""

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor

from neuroswitch.errors import UnsupportedModel


def own_share(whole: Float[Tensor, "*_ width"], seen: int, module: nn.Module) -> Float[Tensor, "*_ seen"]:
    """Return this process's share of one value for each neuron of a site.

    Args:
        whole: The values of all neurons.
        seen: How many neurons this process sees: all of them, or a divisor.
        module: The site's module.

    Raises:
        UnsupportedModel: The shares are not equal, contiguous ones.
    """
    width = whole.shape[-1]
    if seen == width:
        return whole
    rank = _rank(module, width, seen)
    return whole[..., rank * seen : (rank + 1) * seen]


def gathered(share: Float[Tensor, "*_ seen"], width: int, module: nn.Module) -> Float[Tensor, "*_ width"]:
    """Put the shares of all processes together; every process must call it at the same point.

    Raises:
        UnsupportedModel: The shares are not equal, contiguous ones.
    """
    seen = share.shape[-1]
    if seen == width:
        return share
    _rank(module, width, seen)
    shares = [torch.empty_like(share) for _ in range(width // seen)]
    distributed.all_gather(shares, share.contiguous(), group=_group(module))
    return torch.cat(shares, dim=-1)


def sum_over_processes(part: Float[Tensor, "*shape"], module: nn.Module) -> Float[Tensor, "*shape"]:
    """Add up the tensors of all processes; every process must call it at the same point."""
    distributed.all_reduce(part, group=_group(module))
    return part


def local_part(parameter: Tensor) -> Tensor:
    """Return the part of a parameter that this process holds, as a plain tensor that shares memory."""
    return parameter.to_local() if isinstance(parameter, DTensor) else parameter


def _rank(module: nn.Module, width: int, seen: int) -> int:
    ranks = distributed.get_world_size(_group(module)) if distributed.is_initialized() else 1
    if seen * ranks != width:
        raise UnsupportedModel(
            f"{type(module).__name__} sees a part of its neurons that is not an equal share",
            found=f"{seen} of {width} neurons in one of {ranks} processes",
            expected=f"{width // ranks} or {width}",
            do="load the model with tp_plan='auto', or without tensor parallelism",
        )
    return distributed.get_rank(_group(module))


def _group(module: nn.Module) -> distributed.ProcessGroup | None:
    """Return the processes that share a module's weights; None stands for all of them."""
    for parameter in module.parameters():
        if isinstance(parameter, DTensor):
            mesh = parameter.device_mesh
            return mesh.get_group(mesh_dim=mesh.ndim - 1)
    return None
