"""Digests of configuration and weights, by which a model is recognised.

Only 64 values of every tensor are read. The digests are equal for the same checkpoint in float32, in
bfloat16 and on any device, and differ after training, merging or requantising. Names are not part of
them: those differ between versions of transformers, and under wrappers.
"""

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from neuroswitch.storage import digest

VALUES_PER_TENSOR = 64
CHUNK = 2**22
"""Groups of 8 bytes of which a checksum is taken at a time."""
# settings that say how a model was saved, loaded or batched, not what it computes
NOT_COMPUTATION = frozenset(
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


def config_digest(config: PreTrainedConfig) -> str:
    """Return the sha256 of what differs from the defaults of the configuration's class.

    Defaults are left out because every version of transformers adds some.
    """
    return digest(_computation_only(config.to_diff_dict()))


def weights_digest(module: nn.Module) -> str | None:
    """Return a sha256 of the shapes and of 64 evenly spaced values of every parameter.

    Returns:
        None where some weights are quantised, sharded or not in memory: they cannot be compared
        with those of the checkpoint.
    """
    parameters = [parameter.detach() for parameter in module.parameters()]
    if not all(_is_plain(parameter) for parameter in parameters):
        return None
    return digest_of(map(sample_digest, parameters))


def exact_digest(module: nn.Module) -> str | None:
    """Return a digest of every value of all parameters and buffers, quantised or not, in the order of the module.

    Takes about as long as reading them from memory once. Unlike `weights_digest` it differs with the type of the
    values, and where a single one was changed.

    Returns:
        None where some of them are not in the memory of this process, or are stored in a form of their own.
    """
    weights = [*module.parameters(), *module.buffers()]
    if any(type(one.data) is not Tensor or one.device.type == "meta" for one in weights):
        return None
    return hashlib.sha256(b"".join(map(_exact, weights))).hexdigest()


def _exact(weight: Tensor) -> bytes:
    """Return type and shape of a tensor with a checksum of its bytes that any single change changes."""
    flat, total = weight.detach().contiguous().flatten().view(torch.uint8), 0
    for start in range(0, len(flat), 8 * CHUNK):
        part = flat[start : start + 8 * CHUNK]
        part = torch.nn.functional.pad(part, (0, -len(part) % 8)).view(torch.int64)
        # an odd factor has an inverse modulo 2 ** 64, so a changed value changes its product
        odd = (torch.arange(len(part), device=part.device) + start) * (2 * 2654435761) + 1
        total += int((part * odd).sum())
    return f"{weight.dtype} {tuple(weight.shape)} {total % 2**64};".encode()


def digest_of(samples: Iterable[bytes]) -> str:
    """Return the digest of weights from the `sample_digest` of each."""
    return hashlib.sha256(b"".join(sorted(samples))).hexdigest()


def _computation_only(value: object) -> object:
    if isinstance(value, dict):
        return {
            str(name): _computation_only(item)
            for name, item in value.items()
            if name not in NOT_COMPUTATION and item is not None
        }
    if isinstance(value, (list, tuple)):
        return [_computation_only(item) for item in value]
    return value


def _is_plain(weight: Tensor) -> bool:
    return type(weight) is Tensor and weight.is_floating_point() and weight.device.type != "meta"


def sample_digest(weight: Tensor) -> bytes:
    """Return the digest of a weight's shape and of 64 of its values, in bfloat16.

    bfloat16, because a checkpoint in it may be loaded in float32.
    """
    flat = weight.flatten()
    places = torch.linspace(0, flat.numel() - 1, VALUES_PER_TENSOR, dtype=torch.float64).long()
    values = flat[places.to(flat.device)].to(torch.bfloat16).cpu().view(torch.int16).numpy()
    return hashlib.sha256(str(tuple(weight.shape)).encode() + values.tobytes()).digest()
