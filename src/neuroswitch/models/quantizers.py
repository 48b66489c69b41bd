"""Quantise a model while it is loaded: a short name -> what transformers needs to be told.

Kinds that run on a CPU as well. The linear maps are quantised, embeddings, LM head and fused experts
are not. Checkpoints that are quantised already need none of this; `quantization` knows them.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from transformers import BitsAndBytesConfig, QuantoConfig, TorchAoConfig

from neuroswitch.errors import Prerequisite


def quantizer(kind: str, dtype: torch.dtype) -> Any:
    """Return the quantisation configuration of a kind.

    Args:
        kind: One of `KINDS`.
        dtype: Type of everything that is not quantised, and of the arithmetic where it can be chosen.

    Raises:
        Prerequisite: There is no such kind, or its library is not installed.
    """
    if kind not in KINDS:
        raise Prerequisite(f"unknown quantization {kind!r}", expected=", ".join(KINDS))
    try:
        return KINDS[kind](dtype)
    except ImportError as error:
        raise Prerequisite(
            f"the quantization {kind} needs a library that is not installed",
            found=str(error),
            do="pip install 'neuroswitch[quant]'",
        ) from error


def _bnb_8bit(dtype: torch.dtype) -> Any:
    # it says once for every layer of every forward pass that it computes in float16
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    return BitsAndBytesConfig(load_in_8bit=True)


def _bnb_4bit(dtype: torch.dtype) -> Any:
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def _torchao_int8(dtype: torch.dtype) -> Any:
    from torchao.quantization import Int8WeightOnlyConfig

    return TorchAoConfig(Int8WeightOnlyConfig())


def _quanto_int8(dtype: torch.dtype) -> Any:
    return QuantoConfig(weights="int8")


KINDS: dict[str, Callable[[torch.dtype], Any]] = {
    "bnb-8bit": _bnb_8bit,
    "bnb-4bit": _bnb_4bit,
    "torchao-int8": _torchao_int8,
    "quanto-int8": _quanto_int8,
}
