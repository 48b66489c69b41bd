"""A safetensors checkpoint on disk, tensor by tensor: where each lies, and how to read it.

Knows the file format (an 8-byte length, a JSON header, raw tensors); never holds more than one
tensor in memory. Does not know what a tensor is for.
"""

import io
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
from neuroswitch.models import LanguageModel

DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
INTEGERS = {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "BOOL": torch.bool}
LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: file, type as the format names it, shape, and its bytes in the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    def values(self, *, file: Path | None = None) -> Tensor:
        """Map the tensor into memory; writing to it changes the file.

        Args:
            file: A copy of the file to map instead; without one the mapping is private.

        Raises:
            UnsupportedModel: The values are packed or quantised.
        """
        if self.dtype not in DTYPES:
            raise UnsupportedModel(
                f"{self.file.name} holds quantised weights, which cannot be scaled one by one",
                found=f"type {self.dtype}",
                expected=", ".join(DTYPES),
                do="export the form 'ia3', or 'lora' from the loaded model: both leave the weights alone",
            )
        count = self.stop - self.start
        raw = np.memmap(file or self.file, np.uint8, "r+" if file else "c", offset=self.start, shape=(count,))
        return torch.from_numpy(raw).view(DTYPES[self.dtype]).view(self.shape)

    def read(self) -> Tensor:
        """Read the tensor into memory of its own, without mapping the file.

        Raises:
            Prerequisite: The file is gone, or ends before the tensor does.
            UnsupportedModel: The values are packed or quantised.
        """
        kinds = {**DTYPES, **INTEGERS}
        if self.dtype not in kinds:
            raise UnsupportedModel(
                f"{self.file.name} holds quantised weights, which are not read one tensor at a time",
                found=f"type {self.dtype}",
                expected=", ".join(DTYPES),
                do="name a checkpoint in float32, bfloat16 or float16",
            )
        raw = torch.empty(self.stop - self.start, dtype=torch.uint8)
        try:
            with self.file.open("rb", buffering=0) as stream:
                stream.seek(self.start)
                _fill(stream, raw.numpy().data)
        except OSError as error:
            raise _damaged(self.file, error) from error
        return raw.view(kinds[self.dtype]).view(self.shape)


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a folder: name -> place."""

    folder: Path
    tensors: Mapping[str, Place]

    def place(self, name: str) -> Place:
        """Find a tensor by the name that transformers gives it.

        A name may begin differently in a checkpoint (GPT-2's lack `transformer.`), so what follows
        the layer list's name decides, as long as it is unique.

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
        return tuple(sorted({place.file for place in self.tensors.values()}))


def open_checkpoint(folder: Path) -> Checkpoint:
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
    tensors = {name: place for file in files for name, place in _header(file).items()}
    if absent := sorted(listed.keys() - tensors.keys()):
        raise Prerequisite(
            f"the checkpoint {folder} lacks tensors that its index names",
            found=f"{len(absent)} missing: {', '.join(absent[:3])}{', ...' if len(absent) > 3 else ''}",
            expected=", ".join(sorted({listed[name] for name in absent})) + " to hold them",
            do="download these shards again",
        )
    return Checkpoint(folder, tensors)


def checkpoint_of(model: LanguageModel) -> Checkpoint:
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
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(index, error) from error
    return listed


def _header(file: Path) -> dict[str, Place]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > LARGEST_HEADER:
                raise ValueError(f"a header of {length} bytes")
            entries = json.loads(stream.read(length))
        entries.pop("__metadata__", None)
        places = {
            name: Place(
                file,
                entry["dtype"],
                tuple(entry["shape"]),
                *(8 + length + at for at in entry["data_offsets"]),
            )
            for name, entry in entries.items()
        }
        for name, place in places.items():
            if place.dtype in DTYPES and math.prod(place.shape) * DTYPES[place.dtype].itemsize != (
                place.stop - place.start
            ):
                raise ValueError(f"{name} has {place.stop - place.start} bytes for the shape {place.shape}")
        end = max((place.stop for place in places.values()), default=8 + length)
        if file.stat().st_size < end:
            raise ValueError(f"{file.stat().st_size} bytes instead of {end}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, error) from error
    return places


def _fill(stream: io.FileIO, buffer: memoryview) -> None:
    """Fill a buffer from a file; one call reads 2 GiB at most."""
    done = 0
    while done < len(buffer):
        count = stream.readinto(buffer[done:])
        if not count:
            raise OSError(f"it ends {len(buffer) - done} bytes early")
        done += count


def _damaged(file: Path, error: Exception) -> Prerequisite:
    return Prerequisite(
        f"{file} is missing, truncated or damaged",
        found=f"{type(error).__name__}: {error}",
        do="download it again",
    )
