"""Who a model is, whatever type its weights were loaded in: digests of configuration and weights.

Cheap: a handful of values of every tensor. Equal for the same checkpoint in float32, bfloat16 and
on any device; different after training, merging or requantising. Does not know names: those differ
between versions of transformers, and under wrappers.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from neuroswitch.storage import digest

VALUES_PER_TENSOR = 64
# What says how a model was saved, loaded or batched, not what it computes.
CIRCUMSTANCES = frozenset(
    {
        "_model_name_or_path",
        "_name_or_path",
        "architectures",
        "distributed_config",
        "dtype",
        "pad_token_id",
        "quantization_config",
        "torch_dtype",
        "transformers_version",
        "use_cache",
    }
)


def config_digest(config: Any) -> str:
    """Return the sha256 of a configuration: what differs from its class's defaults, without circumstances.

    Defaults are left out because every version of transformers adds some.
    """
    return digest(_without_circumstances(config.to_diff_dict()))


def weights_digest(module: nn.Module) -> str | None:
    """Return a sha256 of the shapes and of 64 evenly spaced values of every parameter.

    Returns:
        None where some weights are quantised, sharded or not in memory: they cannot be compared
        with those of the checkpoint.
    """
    parameters = [parameter.detach() for parameter in module.parameters()]
    if not all(_is_plain(parameter) for parameter in parameters):
        return None
    return digest_of(map(sample, parameters))


def digest_of(samples: Iterable[bytes]) -> str:
    """Return the digest of weights of which only the samples are at hand."""
    return hashlib.sha256(b"".join(sorted(samples))).hexdigest()


def _without_circumstances(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            str(name): _without_circumstances(item)
            for name, item in value.items()
            if name not in CIRCUMSTANCES and item is not None
        }
    if isinstance(value, (list, tuple)):
        return [_without_circumstances(item) for item in value]
    return value


def _is_plain(weight: Tensor) -> bool:
    return type(weight) is Tensor and weight.is_floating_point() and weight.device.type != "meta"


def sample(weight: Tensor) -> bytes:
    """Digest shape and values of a weight; in bfloat16, because a checkpoint in it may be loaded in float32."""
    flat = weight.flatten()
    places = torch.linspace(0, flat.numel() - 1, VALUES_PER_TENSOR, dtype=torch.float64).long()
    values = flat[places.to(flat.device)].to(torch.bfloat16).cpu().view(torch.int16).numpy()
    return hashlib.sha256(str(tuple(weight.shape)).encode() + values.tobytes()).digest()
