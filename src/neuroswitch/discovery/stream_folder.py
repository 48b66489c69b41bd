"""The folder of a streamed discovery: what is needed to go on behind the last finished layer.

    progress.json                    settings, layers finished, batches; written last, so it is true
    hidden-00012/000.safetensors     what layer 12 handed over for each batch
    statistics/00012.safetensors     what its neurons did
    end.safetensors                  the output of the last layer at the tokens read

Guarantees: a layer counts as finished only when all its files are on disk. Does not know models.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from neuroswitch.checkpoints import Handed
from neuroswitch.errors import BadRun
from neuroswitch.storage import write_atomic, write_json

PROGRESS = "progress.json"
END = "end.safetensors"
AGAIN = "name another folder, or remove this one to begin again"


@dataclass(frozen=True)
class Batch:
    """Prompts that are computed together.

    Attributes:
        pile: `positive`, `negative` or `diverse`.
        rows: Their places in the pile.
    """

    pile: str
    rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What has been finished.

    Attributes:
        layers: How many layers.
        batches: The batches as the last of them left them.
        samples: Digests of the weights that were read, by parameter.
    """

    layers: int
    batches: tuple[Batch, ...]
    samples: Mapping[str, str]


def begin(folder: Path, settings: Mapping[str, Any], batches: tuple[Batch, ...]) -> Finished:
    """Return what is finished in a folder; nothing in a new one.

    Args:
        folder: The folder.
        settings: What the numbers depend on, as JSON values.
        batches: How a new stream begins; one that is continued keeps its own.

    Raises:
        BadRun: The folder holds a stream with other settings, or is damaged.
    """
    path = folder / PROGRESS
    if not path.exists():
        fresh = Finished(layers=0, batches=batches, samples={})
        finish(folder, settings, fresh)
        return fresh
    try:
        said = json.loads(path.read_text())
        before = said["settings"]
        done = Finished(
            layers=int(said["layers"]),
            batches=tuple(Batch(one["pile"], tuple(one["rows"])) for one in said["batches"]),
            samples=dict(said["samples"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRun(f"{path} is damaged", found=f"{type(error).__name__}: {error}", do=AGAIN) from error
    asked = json.loads(json.dumps(settings))
    if differing := sorted(key for key in {**before, **asked} if before.get(key) != asked.get(key)):
        raise BadRun(
            f"{folder} holds a streamed discovery with other settings",
            found=", ".join(f"{key} = {before.get(key)!r}" for key in differing),
            expected=", ".join(f"{key} = {asked.get(key)!r}" for key in differing),
            do=AGAIN,
        )
    return done


def finish(folder: Path, settings: Mapping[str, Any], done: Finished) -> None:
    """Write down that layers are finished, and remove what only earlier ones needed."""
    write_json(
        folder / PROGRESS,
        {
            "settings": dict(settings),
            "layers": done.layers,
            "batches": [{"pile": batch.pile, "rows": list(batch.rows)} for batch in done.batches],
            "samples": dict(sorted(done.samples.items())),
        },
    )
    for old in folder.glob("hidden-*"):
        if old.name != _hidden(done.layers - 1):
            shutil.rmtree(old, ignore_errors=True)


@dataclass
class Hidden:
    """What one layer handed over, batch by batch: always on disk, in memory as well while it fits.

    Attributes:
        folder: Folder of the stream.
        layer: The layer; -1 stands for the embeddings, which nobody keeps.
        memory: Bytes that may stay in memory; the rest is read back from its file.
    """

    folder: Path
    layer: int
    memory: int
    held: dict[int, Handed] = field(default_factory=dict)

    def put(self, batch: int, handed: Handed) -> None:
        """Keep what the layer handed over for a batch."""
        values = {str(place): value for place, value in enumerate(handed.values) if value is not None}
        tensors = {name: value.contiguous() for name, value in values.items()}
        note = {"bare": str(handed.bare), "values": str(len(handed.values))}
        write_atomic(self._file(batch), save(tensors, metadata=note))
        if sum(one.bytes for one in self.held.values()) + handed.bytes <= self.memory:
            self.held[batch] = handed

    def take(self, batch: int) -> Handed:
        """Return what was kept for a batch, which is not asked for again.

        Raises:
            BadRun: The file is gone or damaged.
        """
        if batch in self.held:
            return self.held.pop(batch)
        path = self._file(batch)
        try:
            with safe_open(path, "pt") as file:
                note, names = file.metadata(), set(file.keys())
                places = map(str, range(int(note["values"])))
                values = tuple(file.get_tensor(name) if name in names else None for name in places)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from error
        return Handed(values, note["bare"] == "True")

    def _file(self, batch: int) -> Path:
        return self.folder / _hidden(self.layer) / f"{batch:05d}.safetensors"


def put_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors, all or none."""
    write_atomic(path, save({name: value.contiguous() for name, value in tensors.items()}))


def get_tensors(path: Path) -> dict[str, Tensor]:
    """Read what `put_tensors` wrote.

    Raises:
        BadRun: The file is gone or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error


def statistics_file(folder: Path, layer: int) -> Path:
    """Return where the statistics of a layer lie."""
    return folder / "statistics" / f"{layer:05d}.safetensors"


def _hidden(layer: int) -> str:
    return f"hidden-{layer:05d}"


def _damaged(path: Path, error: Exception) -> BadRun:
    return BadRun(f"{path} is missing or damaged", found=f"{type(error).__name__}: {error}", do=AGAIN)
