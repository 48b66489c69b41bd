"""The folder of a streamed discovery: what is needed to continue after the last finished layer.

    progress.json                    settings, layers finished, batches; written last
    hidden-00012/000.safetensors     the output of layer 12 for each batch
    statistics/00012.safetensors     statistics of its neurons
    end.safetensors                  the output of the last layer at the tokens read

A layer counts as finished only when all its files are on disk.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from neuroswitch.checkpoints import LayerOutput
from neuroswitch.errors import BadRun
from neuroswitch.storage import first_flaw, read_json, write_atomic, write_json

PROGRESS = "progress.json"
AGAIN = "name another folder, or remove this one to begin again"


@dataclass(frozen=True)
class PileBatch:
    """Prompts that are computed together: the pile, and their places in it."""

    pile: str
    rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What has been finished.

    Attributes:
        settings: What the numbers depend on, as JSON values.
        batches: The batches of the last layer; a batch may have been halved since the first.
        layers: How many layers.
        samples: Digests of the weights that were read, by parameter.
    """

    settings: Mapping[str, object]
    batches: tuple[PileBatch, ...]
    layers: Annotated[int, Field(ge=0)] = 0
    samples: Mapping[str, str] = field(default_factory=dict)

    __pydantic_config__ = ConfigDict(extra="forbid")


_FINISHED = TypeAdapter(Finished)


def begin(folder: Path, new: Finished) -> Finished:
    """Return what is finished in a folder; in a new folder, write that nothing is.

    Args:
        folder: The folder.
        new: Settings, and the batches with which a new stream begins; one that is continued keeps its own.

    Raises:
        BadRun: The folder holds a stream with other settings, or is damaged.
    """
    path = folder / PROGRESS
    if not path.exists():
        if strange := sorted(one.name for one in folder.glob("*") if not one.name.startswith(".")):
            raise BadRun(
                f"{folder} holds something else",
                found=f"{', '.join(strange[:3])}, and no {PROGRESS}",
                expected="an empty folder, or a streamed discovery",
                do=AGAIN,
            )
        finish(folder, new)
        return new
    try:
        done = _FINISHED.validate_python(read_json(path, do=AGAIN))
    except ValidationError as error:
        raise BadRun(f"{path} is damaged", found=first_flaw(error), do=AGAIN) from error
    before, now = dict(done.settings), json.loads(json.dumps(new.settings))
    if differing := sorted(key for key in {**before, **now} if before.get(key) != now.get(key)):
        raise BadRun(
            f"{folder} holds a streamed discovery with other settings",
            found=", ".join(f"{key} = {before.get(key)!r}" for key in differing),
            expected=", ".join(f"{key} = {now.get(key)!r}" for key in differing),
            do=AGAIN,
        )
    if _rows(done.batches) != _rows(new.batches):
        raise BadRun(f"{path} is damaged", found="batches that do not hold every prompt once", do=AGAIN)
    return done


def _rows(batches: Sequence[PileBatch]) -> list[tuple[str, int]]:
    """Return every prompt of the batches, sorted: how they are divided may differ, what they hold may not."""
    return sorted((batch.pile, row) for batch in batches for row in batch.rows)


def finish(folder: Path, done: Finished) -> None:
    """Write that layers are finished, and remove what only earlier ones needed."""
    write_json(folder / PROGRESS, {**asdict(done), "samples": dict(sorted(done.samples.items()))})
    for old in folder.glob("hidden-*"):
        if old.name != _hidden(done.layers - 1):
            shutil.rmtree(old, ignore_errors=True)


@dataclass
class HiddenStates:
    """The output of one layer, batch by batch: always on disk, and in memory while it fits.

    Attributes:
        folder: Folder of the stream.
        layer: The layer; -1 stands for the embeddings, which are not kept.
        memory: Bytes that may stay in memory; the rest is read back from its file.
    """

    folder: Path
    layer: int
    memory: int
    held: dict[int, LayerOutput] = field(default_factory=dict)

    def put(self, batch: int, output: LayerOutput) -> None:
        """Keep the output for a batch."""
        values = {str(place): value for place, value in enumerate(output.values) if value is not None}
        note = {"bare": str(output.bare), "values": str(len(output.values))}
        put_tensors(self._file(batch), values, note)
        if sum(one.bytes for one in self.held.values()) + output.bytes <= self.memory:
            self.held[batch] = output

    def take(self, batch: int) -> LayerOutput:
        """Return what was kept for a batch, and forget it.

        Raises:
            BadRun: The file is missing or damaged.
        """
        if batch in self.held:
            return self.held.pop(batch)
        path = self._file(batch)
        values, note = get_tensors(path)
        try:
            places = range(int(note["values"]))
            return LayerOutput(tuple(values.get(str(place)) for place in places), note["bare"] == "True")
        except (KeyError, ValueError) as error:
            raise damaged_stream(path, error) from error

    def _file(self, batch: int) -> Path:
        return self.folder / _hidden(self.layer) / f"{batch:05d}.safetensors"


def put_tensors(path: Path, tensors: Mapping[str, Tensor], note: dict[str, str] | None = None) -> None:
    """Write tensors, all or none, with a note."""
    write_atomic(path, save({name: value.contiguous() for name, value in tensors.items()}, metadata=note))


def get_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the note that `put_tensors` wrote.

    Raises:
        BadRun: The file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise damaged_stream(path, error) from error


def _hidden(layer: int) -> str:
    return f"hidden-{layer:05d}"


def damaged_stream(path: Path, found: str | Exception) -> BadRun:
    """Return the error for a file of a stream that is missing or holds something else."""
    told = f"{type(found).__name__}: {found}" if isinstance(found, Exception) else found
    return BadRun(f"{path} is missing or damaged", found=told, do=AGAIN)
