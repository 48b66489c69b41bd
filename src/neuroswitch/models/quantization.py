"""Quantised weights: what those of a checkpoint mean for its neurons, and how a model is quantised while loading.

The input of a linear map is a row of neurons, in whatever form its weights are stored, so hooks work there.
Experts are scaled in their weights, so those must be plain numbers: kinds that pack experts are
loaded dequantised.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from transformers import BitsAndBytesConfig, PreTrainedConfig, QuantoConfig, TorchAoConfig
from transformers.quantizers.auto import AutoHfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from neuroswitch.errors import Prerequisite

PACKS_EXPERTS = frozenset({"fp8", "gguf", "metal", "mxfp4", "mxfp8", "nvfp4"})
"""Kinds that store fused experts in a packed form, and that transformers can dequantise."""

DECOMPRESSED = frozenset({"compressed-tensors"})
"""Kinds that decompress all weights in the first forward pass of the whole model, and cannot be read before."""

TYPICAL_BITS = {"bitnet": 2.0, "fbgemm_fp8": 8.0, "fp8": 8.0, "mxfp4": 4.25, "mxfp8": 8.25, "nvfp4": 4.5}


@dataclass(frozen=True)
class Quantization:
    """How the weights of a checkpoint are stored.

    Attributes:
        method: The configuration's `quant_method`, such as "gptq".
        bits: Bits of a weight of a linear map in memory; None where it is loaded dequantised.
        works: How reading and scaling work with it, one sentence.
        problem: Why it cannot be loaded here, or None.
    """

    method: str
    bits: float | None
    works: str
    problem: str | None


def quantization_of(config: PreTrainedConfig, *, experts: bool) -> Quantization | None:
    """Return how a checkpoint is quantised; None where it is not.

    Args:
        config: The model's configuration.
        experts: Whether the model has sites of fused experts.
    """
    stored = _stored(config)
    if stored is None:
        return None
    method = _method(stored)
    problem, falls_back = _validated(stored)
    unpacked = unpacks(config, experts=experts)
    bits = None if unpacked or falls_back else _bits(method, stored)
    works = "linear maps are read and scaled at their input, which quantised weights do not change"
    if unpacked and method in DECOMPRESSED:
        works = "loaded decompressed, as it would be before its first forward pass"
    elif unpacked:
        works = "loaded dequantised, because neurons of packed experts could not be scaled exactly"
    elif falls_back:
        works = "loaded dequantised, because there is no device or kernel for it"
    else:
        works += "; kinds that quantise activations do so after the scaling" if method == "torchao" else ""
        works += (
            "; experts must stay unquantised, or the model is refused when it is loaded" if experts else ""
        )
    return Quantization(method, bits, works, problem)


def unpacks(config: PreTrainedConfig, *, experts: bool) -> bool:
    """Return whether a checkpoint must be dequantised while it is loaded."""
    stored = _stored(config)
    packs = DECOMPRESSED | PACKS_EXPERTS if experts else DECOMPRESSED
    return stored is not None and _method(stored) in packs


def ask_to_unpack(config: PreTrainedConfig) -> None:
    """Change a configuration so that transformers dequantises the checkpoint."""
    stored = _stored(config)
    if stored is not None:
        config.quantization_config = {**stored, "dequantize": True}


def has_experts(module: nn.Module) -> bool:
    """Return whether a module holds fused experts: stacks of matrices called `down_proj`."""
    return any(name.endswith("down_proj") and weight.dim() == 3 for name, weight in module.named_parameters())


def _stored(config: PreTrainedConfig) -> dict[str, object] | None:
    for one in (config, config.get_text_config(decoder=True)):
        stored = getattr(one, "quantization_config", None)
        if stored:
            return dict(stored if isinstance(stored, dict) else stored.to_dict())
    return None


def _method(stored: Mapping[str, object]) -> str:
    if stored.get("load_in_8bit") or stored.get("load_in_4bit"):
        return "bitsandbytes"
    method = stored.get("quant_method") or "unknown"
    return str(getattr(method, "value", method))


def _bits(method: str, stored: Mapping[str, object]) -> float:
    if method == "bitsandbytes":
        return 8.0 if stored.get("load_in_8bit") else 4.5
    groups = stored.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    in_group = ((first or {}).get("weights") or {}).get("num_bits")
    for bits in (stored.get("bits"), stored.get("w_bit"), stored.get("nbits"), in_group):
        if isinstance(bits, (int, float)):
            return float(bits)
    return TYPICAL_BITS.get(
        method, 4.0 if "4" in str(stored.get("weights", stored.get("quant_type"))) else 8.0
    )


def _validated(stored: Mapping[str, object]) -> tuple[str | None, bool]:
    """Return why transformers cannot load this kind here, or None, and whether it would dequantise by itself."""
    try:
        quantizer = AutoHfQuantizer.from_config(dict(stored), pre_quantized=True)
        place = "cuda" if torch.cuda.is_available() else "cpu"
        quantizer.validate_environment(device_map={"": place}, dtype=torch.bfloat16)
    except (ImportError, ValueError, RuntimeError, TypeError, AttributeError, KeyError) as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", False
    return None, bool(getattr(quantizer.quantization_config, "dequantize", False))


def quantizer_config(kind: str, dtype: torch.dtype) -> QuantizationConfigMixin:
    """Return what transformers needs to quantise a model while it is loaded.

    Args:
        kind: One of `QUANTIZERS`.
        dtype: Type of everything that is not quantised, and of the arithmetic where it can be chosen.

    Raises:
        Prerequisite: Its library is not installed.
    """
    try:
        if kind == "bnb-8bit":
            # it logs for every layer of every forward pass that it computes in float16
            logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
            return BitsAndBytesConfig(load_in_8bit=True)
        if kind == "bnb-4bit":
            return BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
            )
        if kind == "quanto-int8":
            return QuantoConfig(weights="int8")
        from torchao.quantization import Int8WeightOnlyConfig

        return TorchAoConfig(Int8WeightOnlyConfig())
    except ImportError as error:
        raise Prerequisite(
            f"the quantization {kind} needs a library that is not installed",
            found=str(error),
            do="pip install 'neuroswitch[quant]'",
        ) from error
