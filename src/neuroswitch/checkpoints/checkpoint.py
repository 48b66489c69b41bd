"""A safetensors checkpoint on disk: where each tensor is in its file, and how to read it alone.

The file format is an 8-byte length, a JSON header and raw tensors.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from torch import Tensor

from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import LanguageModel, digest_of, sample_digest

DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
INTEGERS = {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "BOOL": torch.bool}
LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor is: file, type as the format names it, shape, and its bytes in the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    def values(self, *, file: Path | None = None) -> Tensor:
        """Map the tensor into memory.

        Args:
            file: A copy of the file to map instead, which changes with the tensor; without one
                changes stay in memory.

        Raises:
            UnsupportedModel: The values are packed or quantised.
        """
        dtype = self._type_in(DTYPES, do="export the form 'ia3', or 'lora' from the loaded model")
        count = self.stop - self.start
        raw = np.memmap(file or self.file, np.uint8, "r+" if file else "c", offset=self.start, shape=(count,))
        return torch.from_numpy(raw).view(dtype).view(self.shape)

    def read(self) -> Tensor:
        """Read the tensor into memory without mapping the file.

        Raises:
            Prerequisite: The file is gone, or ends before the tensor does.
            UnsupportedModel: The values are packed or quantised.
        """
        dtype = self._type_in({**DTYPES, **INTEGERS}, do="name a checkpoint in float32, bfloat16 or float16")
        raw = torch.empty(self.stop - self.start, dtype=torch.uint8)
        try:
            with self.file.open("rb") as stream:
                stream.seek(self.start)
                if (count := stream.readinto(raw.numpy().data)) < len(raw):
                    raise OSError(f"it ends {len(raw) - count} bytes early")
        except OSError as error:
            raise _damaged(self.file, error) from error
        return raw.view(dtype).view(self.shape)

    def _type_in(self, known: Mapping[str, torch.dtype], do: str) -> torch.dtype:
        if self.dtype not in known:
            raise UnsupportedModel(
                f"{self.file.name} holds quantised weights, which are not read or scaled one tensor at a time",
                found=f"type {self.dtype}",
                expected=", ".join(DTYPES),
                do=do,
            )
        return known[self.dtype]


@dataclass(frozen=True)
class CheckpointFiles:
    """The tensors of a folder, by name."""

    folder: Path
    tensors: Mapping[str, StoredTensor]

    def find(self, name: str) -> StoredTensor:
        """Find a tensor by the name that transformers gives it.

        A name may begin differently in a checkpoint (GPT-2's lack `transformer.`), so only the part from
        the layer list's name on is compared; it must be unique.

        Raises:
            UnsupportedModel: No such tensor, or several.
        """
        if name in self.tensors:
            return self.tensors[name]
        parts = name.split(".")
        layer = next((i for i, part in enumerate(parts) if part.isdecimal()), 1)
        tail = ".".join(parts[max(layer - 1, 0) :])
        found = [known for known in self.tensors if known == tail or known.endswith(f".{tail}")]
        if len(found) != 1:
            raise UnsupportedModel(
                f"the checkpoint {self.folder} has no tensor {name}",
                found=f"{len(found)} that end in {tail}",
                expected="exactly one",
                do="export the form 'ia3' or 'lora', which need no name in the checkpoint",
            )
        return self.tensors[found[0]]

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that hold the tensors."""
        return tuple(sorted({tensor.file for tensor in self.tensors.values()}))

    def sample(self) -> str:
        """Return a digest of shapes and of 64 values of every tensor, without reading the others."""
        plain = [tensor for _, tensor in sorted(self.tensors.items()) if tensor.dtype in DTYPES]
        return digest_of(sample_digest(tensor.values()) for tensor in plain)


def open_checkpoint(folder: Path) -> CheckpointFiles:
    """Read the headers of a folder's safetensors files.

    Raises:
        Prerequisite: There are none, or one is missing, truncated or damaged.
    """
    index = folder / "model.safetensors.index.json"
    listed = _listed(index) if index.exists() else {}
    files = [folder / name for name in sorted(set(listed.values()))] or sorted(folder.glob("*.safetensors"))
    if not files:
        raise Prerequisite(
            f"there are no safetensors files in {folder}",
            expected="model.safetensors, or shards with their index",
            do="save the model with save_pretrained() and name that folder",
        )
    tensors = {name: tensor for file in files for name, tensor in _header(file).items()}
    if absent := sorted(listed.keys() - tensors.keys()):
        raise Prerequisite(
            f"the checkpoint {folder} lacks tensors that its index names",
            found=f"{len(absent)} missing: {', '.join(absent[:3])}{', ...' if len(absent) > 3 else ''}",
            expected=", ".join(sorted({listed[name] for name in absent})) + " to hold them",
            do="download these shards again",
        )
    return CheckpointFiles(folder, tensors)


def checkpoint_of(model: LanguageModel) -> CheckpointFiles:
    """Open the checkpoint that a model was loaded from.

    Raises:
        Prerequisite: It was built in memory, or its files are neither here nor on the Hub.
    """
    location = str(model.module.config._name_or_path)
    if location and not Path(location).is_dir():
        try:
            location = snapshot_download(
                location,
                revision=model.identity.revision,
                allow_patterns=["*.json", "*.safetensors", "*.jinja"],
            )
        except (OSError, ValueError, HfHubHTTPError) as error:
            raise Prerequisite(
                f"the checkpoint of {model.identity.name} cannot be read",
                found=f"{location!r} is no folder here, and the Hub says: {str(error).splitlines()[0]}",
                do="save the model with save_pretrained() and name that folder",
            ) from error
    return open_checkpoint(Path(location))


def _listed(index: Path) -> dict[str, str]:
    """Read which shard holds each tensor."""
    try:
        listed = dict(json.loads(index.read_text())["weight_map"])
        if odd := [name for name in listed.values() if Path(name).name != name]:
            raise ValueError(f"a shard called {odd[0]!r}, which is not in this folder")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(index, error) from error
    return listed


def _header(file: Path) -> dict[str, StoredTensor]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > LARGEST_HEADER:
                raise ValueError(f"a header of {length} bytes")
            entries = json.loads(stream.read(length))
        entries.pop("__metadata__", None)
        tensors = {}
        for name, entry in entries.items():
            start, stop = (8 + length + at for at in entry["data_offsets"])
            tensors[name] = StoredTensor(file, entry["dtype"], tuple(entry["shape"]), start, stop)
            dtype = DTYPES.get(entry["dtype"])
            if dtype is not None and math.prod(entry["shape"]) * dtype.itemsize != stop - start:
                raise ValueError(f"{name} has {stop - start} bytes for the shape {entry['shape']}")
        end = max((tensor.stop for tensor in tensors.values()), default=8 + length)
        if file.stat().st_size < end:
            raise ValueError(f"{file.stat().st_size} bytes instead of {end}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(file, error) from error
    return tensors


def _damaged(file: Path, error: Exception) -> Prerequisite:
    return Prerequisite(
        f"{file} is missing, truncated or damaged",
        found=f"{type(error).__name__}: {error}",
        do="download it again",
    )
