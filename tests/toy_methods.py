"""Methods for tests of what compares methods: they scale random neurons, or none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import torch

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.models.handle import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.storage import new_folder, write_json

FITS: list[str] = []
"""Every fit since the process began."""


@dataclass(frozen=True)
class Toy:
    """As many random neurons, scaled by 1 - 4 x strength; none at all changes nothing."""

    neurons: tuple[int, ...]
    acts_on: Literal["model", "prompt"] = "model"
    strength: float = 0.0

    @property
    def description(self) -> str:
        """Say what it is."""
        return f"{len(self.neurons)} random neurons scaled."

    @property
    def name(self) -> str:
        """Name and strength."""
        return f"toy {self.strength}"

    def strengths(self, asked: tuple[float, ...]) -> tuple[float, ...]:
        """Return all of them."""
        return asked

    def at(self, strength: float) -> "Toy":
        """Return it at a strength."""
        return Toy(self.neurons, self.acts_on, strength)

    @contextmanager
    def applied(self, model: LanguageModel) -> Iterator[None]:
        """Scale the neurons while the block is open."""
        ids = torch.tensor(self.neurons, dtype=torch.long)
        with scaled_neurons(
            model, ids, torch.full((len(ids),), 1.0 - 4 * self.strength, dtype=torch.float32)
        ):
            yield

    def save(self, folder: Path) -> None:
        """Write it as JSON; the folder appears when it is complete."""
        with new_folder(folder) as staging:
            write_json(staging / "toy.json", {"neurons": list(self.neurons), "acts_on": self.acts_on})


@dataclass(frozen=True)
class ToyMethod:
    """Draws neurons by a seed."""

    count: int
    seed: int = 0
    acts_on: Literal["model", "prompt"] = "model"

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> Toy:
        """Draw the neurons."""
        FITS.append(f"{self.count}:{self.seed}")
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randperm(model.layout.size, generator=generator)[: self.count]
        return Toy(tuple(sorted(drawn.tolist())), self.acts_on)

    def load(self, folder: Path, model: LanguageModel) -> Toy:
        """Read it."""
        found = json.loads((folder / "toy.json").read_text())
        return Toy(tuple(found["neurons"]), found["acts_on"])


@contextmanager
def registered() -> Iterator[None]:
    """Know `toy`, `nothing`, `asking`, which acts on the prompt, and a toy `random:SEED` for a while."""
    toys = {
        "toy": lambda argument: ToyMethod(60, int(argument or 3)),
        "nothing": lambda argument: ToyMethod(0),
        "asking": lambda argument: ToyMethod(30, 9, "prompt"),
        "random": lambda argument: ToyMethod(60, 100 + int(argument)),
    }
    with patch.dict(METHODS._table, toys):
        yield
