"""The folder of a streamed discovery: what is needed to continue after the last finished layer.

    progress.json                    settings, layers finished, batches; written last
    hidden-00012/000.safetensors     the output of layer 12 for each batch
    statistics/00012.safetensors     statistics of its neurons
    end.safetensors                  the output of the last layer at the tokens read

A layer counts as finished only when all its files are on disk.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from neuroswitch.checkpoints import LayerOutput
from neuroswitch.errors import BadRun
from neuroswitch.storage import write_atomic, write_json

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
    layers: int = 0
    samples: Mapping[str, str] = field(default_factory=dict)


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
        finish(folder, new)
        return new
    try:
        stored = json.loads(path.read_text())
        before = dict(stored["settings"])
        done = replace(
            new,
            layers=int(stored["layers"]),
            batches=tuple(PileBatch(one["pile"], tuple(one["rows"])) for one in stored["batches"]),
            samples=dict(stored["samples"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRun(f"{path} is damaged", found=f"{type(error).__name__}: {error}", do=AGAIN) from error
    now = json.loads(json.dumps(new.settings))
    if differing := sorted(key for key in {**before, **now} if before.get(key) != now.get(key)):
        raise BadRun(
            f"{folder} holds a streamed discovery with other settings",
            found=", ".join(f"{key} = {before.get(key)!r}" for key in differing),
            expected=", ".join(f"{key} = {now.get(key)!r}" for key in differing),
            do=AGAIN,
        )
    return done


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
            raise _damaged(path, error) from error

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
        raise _damaged(path, error) from error


def _hidden(layer: int) -> str:
    return f"hidden-{layer:05d}"


def _damaged(path: Path, error: Exception) -> BadRun:
    return BadRun(f"{path} is missing or damaged", found=f"{type(error).__name__}: {error}", do=AGAIN)
