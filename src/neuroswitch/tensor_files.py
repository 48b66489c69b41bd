"""Safetensors files of unknown origin: the header is compared with what is expected before a tensor is made.

Every tensor must be named, have the expected type and shape and exactly its bytes, and nothing may lie between
or behind them. Values must be finite.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from neuroswitch.untrusted import parse_json

LARGEST_TENSORS = 2**28
"""Bytes of a file of a circuit or of a fitted method: 10 million neurons with all that is known of them."""
LARGEST_HEADER = 2**20

DTYPES = {torch.float32: "F32", torch.int64: "I64"}
"""The types that our files hold, as safetensors calls them."""

Shapes = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
"""Name of a tensor -> its type and shape; -1 stands for any length."""


class TensorEntry(BaseModel):
    """What a header says of one tensor."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dtype: str
    shape: list[int]
    data_offsets: list[int]


class Header(NamedTuple):
    """The header of a safetensors file: its tensors by name, its notes, and where the numbers begin."""

    tensors: Mapping[str, TensorEntry]
    notes: Mapping[str, str]
    length: int


_TENSORS = TypeAdapter(dict[str, TensorEntry])
_NOTES = TypeAdapter(dict[str, str], config=ConfigDict(strict=True))


def read_header(content: bytes) -> Header:
    """Read the header of a safetensors file.

    Raises:
        ValueError: It is truncated, too long, or no header.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, LARGEST_HEADER):
        raise ValueError(f"a header of {length} bytes in a file of {len(content)}")
    entries = parse_json(content[8 : 8 + length])
    if not isinstance(entries, dict):
        raise ValueError("a header that is no JSON object")  # noqa: TRY004 - of a file, not of an argument
    notes = _NOTES.validate_python(entries.pop("__metadata__", {}))
    return Header(_TENSORS.validate_python(entries), notes, 8 + length)


def read_tensors(content: bytes, shapes: Shapes) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file.

    Args:
        content: The file.
        shapes: All the tensors that it must hold.

    Raises:
        ValueError: It is damaged, or holds other tensors or a value that is not finite.
    """
    header = read_header(content)
    if header.tensors.keys() != shapes.keys():
        raise ValueError(f"tensors {sorted(header.tensors)} instead of {sorted(shapes)}")
    at = 0
    for name, entry in sorted(header.tensors.items(), key=lambda pair: pair[1].data_offsets):
        dtype, shape = shapes[name]
        fits = len(entry.shape) == len(shape) and all(
            got >= 0 and want in (-1, got) for want, got in zip(shape, entry.shape, strict=True)
        )
        if entry.dtype != DTYPES[dtype] or not fits:
            raise ValueError(f"{name}: {entry.dtype} {entry.shape} instead of {DTYPES[dtype]} {list(shape)}")
        end = at + math.prod(entry.shape) * dtype.itemsize
        if entry.data_offsets != [at, end]:
            raise ValueError(f"{name}: bytes {entry.data_offsets} instead of {[at, end]}")
        at = end
    if header.length + at != len(content):
        raise ValueError(f"{len(content)} bytes instead of {header.length + at}")
    try:
        found = load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if odd := [name for name, values in found.items() if not bool(values.isfinite().all())]:
        raise ValueError(f"{odd[0]}: a value that is not finite")
    return found
