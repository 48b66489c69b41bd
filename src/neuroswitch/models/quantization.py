"""What a checkpoint's quantisation means for reading and scaling its neurons.

The input of a linear map is a row of neurons however its weights are stored, so hooks work there.
Experts are scaled in their weights, so those must be plain numbers: kinds that pack experts are
loaded dequantised. Knows configurations; does not know loaded weights.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig
from transformers.quantizers.auto import AutoHfQuantizer

PACKS_EXPERTS = frozenset({"fp8", "gguf", "metal", "mxfp4", "mxfp8", "nvfp4"})
"""Kinds that store fused experts in a packed form, and that transformers can dequantise."""

DECOMPRESSED = frozenset({"compressed-tensors"})
"""Kinds that decompress all weights when the whole model first runs, and could not be read before that."""

TYPICAL_BITS = {"bitnet": 2.0, "fbgemm_fp8": 8.0, "fp8": 8.0, "mxfp4": 4.25, "mxfp8": 8.25, "nvfp4": 4.5}


@dataclass(frozen=True)
class Quantization:
    """How the weights of a checkpoint are stored, and what follows.

    Attributes:
        method: The configuration's `quant_method`, such as "gptq".
        bits: Bits of a weight of a linear map in memory; None where it is loaded dequantised.
        works: What reading and scaling do with it, one sentence.
        problem: Why it cannot be loaded here, or None.
    """

    method: str
    bits: float | None
    works: str
    problem: str | None


def quantization_of(config: PreTrainedConfig, *, experts: bool) -> Quantization | None:
    """Read how a checkpoint is quantised; None where it is not.

    Args:
        config: The model's configuration.
        experts: Whether the model has sites of fused experts.
    """
    stored = _stored(config)
    if stored is None:
        return None
    method = _method(stored)
    problem, falls_back = _tried(stored)
    unpacked = unpacks(config, experts=experts)
    bits = None if unpacked or falls_back else _bits(method, stored)
    works = (
        "loaded dequantised, for lack of a device or kernels for it"
        if falls_back
        else _works(method, experts)
    )
    if unpacked and method in DECOMPRESSED:
        works = "loaded decompressed, as it would be before its first forward pass"
    elif unpacked:
        works = "loaded dequantised, because neurons of packed experts could not be scaled exactly"
    return Quantization(method, bits, works, problem)


def unpacks(config: PreTrainedConfig, *, experts: bool) -> bool:
    """Say whether a checkpoint must be dequantised while it is loaded."""
    stored = _stored(config)
    packs = DECOMPRESSED | PACKS_EXPERTS if experts else DECOMPRESSED
    return stored is not None and _method(stored) in packs


def ask_to_unpack(config: PreTrainedConfig) -> None:
    """Change a configuration so that transformers dequantises the checkpoint."""
    stored = _stored(config)
    if stored is not None:
        config.quantization_config = {**stored, "dequantize": True}


def has_experts(module: nn.Module) -> bool:
    """Say whether a module holds fused experts: stacks of matrices called `down_proj`."""
    return any(name.endswith("down_proj") and weight.dim() == 3 for name, weight in module.named_parameters())


def _stored(config: PreTrainedConfig) -> dict[str, Any] | None:
    for one in (config, config.get_text_config(decoder=True)):
        stored = getattr(one, "quantization_config", None)
        if stored:
            return dict(stored if isinstance(stored, dict) else stored.to_dict())
    return None


def _method(stored: dict[str, Any]) -> str:
    if stored.get("load_in_8bit") or stored.get("load_in_4bit"):
        return "bitsandbytes"
    method = stored.get("quant_method") or "unknown"
    return str(getattr(method, "value", method))


def _bits(method: str, stored: dict[str, Any]) -> float:
    if method == "bitsandbytes":
        return 8.0 if stored.get("load_in_8bit") else 4.5
    groups = stored.get("config_groups") or {}
    weights = next((group.get("weights") or {} for group in groups.values()), {})
    for bits in (stored.get("bits"), stored.get("w_bit"), stored.get("nbits"), weights.get("num_bits")):
        if isinstance(bits, (int, float)):
            return float(bits)
    return TYPICAL_BITS.get(
        method, 4.0 if "4" in str(stored.get("weights", stored.get("quant_type"))) else 8.0
    )


def _works(method: str, experts: bool) -> str:
    linear = "linear maps are read and scaled at their input, which quantised weights do not change"
    if method == "torchao":
        linear += "; kinds that quantise activations do so after the scaling"
    if experts:
        return f"{linear}; experts must stay unquantised, or the model is refused when it is loaded"
    return linear


def _tried(stored: dict[str, Any]) -> tuple[str | None, bool]:
    """Ask transformers what hinders loading this kind here, and whether it would dequantise by itself."""
    try:
        quantizer = AutoHfQuantizer.from_config(dict(stored), pre_quantized=True)
        place = "cuda" if torch.cuda.is_available() else "cpu"
        quantizer.validate_environment(device_map={"": place}, dtype=torch.bfloat16)
    except (ImportError, ValueError, RuntimeError, TypeError, AttributeError, KeyError) as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", False
    return None, bool(getattr(quantizer.quantization_config, "dequantize", False))
