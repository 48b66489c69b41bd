"""A vector added to what modules write, at every token position: what both forms of CAA fit.

Knows vectors and module paths; does not know how they were found.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import added
from neuroswitch.errors import BadRun
from neuroswitch.methods.base import ChangesModel
from neuroswitch.methods.files import Identity, check_identity, load_fit, save_fit
from neuroswitch.models import LanguageModel
from neuroswitch.sites import stream_width


@dataclass(frozen=True, eq=False)
class Addition:
    """Add vectors to the outputs of modules.

    Attributes:
        name: Method and strength.
        vectors: Module path -> what is added, float32.
        model: The model that the vectors belong to.
    """

    name: str
    vectors: Mapping[str, Float[Tensor, " hidden"]]
    model: Identity

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the vectors are added.

        Raises:
            WrongModel: The vectors belong to another model.
        """
        check_identity(self.model, model)
        return added(model, self.vectors)


@dataclass(frozen=True, eq=False)
class FittedAddition(ChangesModel):
    """Vectors as a fitted method; strength s adds s times each.

    Attributes:
        method: Name of the method.
        vectors: Module path -> what is added at strength 1, float32.
        description: How they were found and tuned.
        model: The model that the vectors belong to.
    """

    method: str
    vectors: Mapping[str, Float[Tensor, " hidden"]]
    description: str
    model: Identity

    def at(self, strength: float) -> Addition:
        """Return the addition of `strength` times the vectors."""
        vectors = {path: strength * vector for path, vector in self.vectors.items()}
        return Addition(f"{self.method} x {strength:g}", vectors, self.model)

    def save(self, folder: Path) -> None:
        """Write the vectors, and where they are added."""
        settings = {"description": self.description, "paths": list(self.vectors)}
        save_fit(
            folder, self.method, self.model, settings, {"vectors": torch.stack([*self.vectors.values()])}
        )


def load_addition(folder: Path, method: str, model: LanguageModel, paths: Sequence[str]) -> FittedAddition:
    """Read what `FittedAddition.save` wrote.

    Args:
        folder: The folder.
        method: Name of the method that it must hold.
        model: The model it shall be used on.
        paths: Where the method may add a vector.

    Raises:
        BadRun: The folder is damaged, or holds something else.
        WrongModel: It was fitted to another model.
    """
    saved = load_fit(folder, method, model, {"vectors": (torch.float32, (-1, hidden_size(model)))})
    named, vectors = saved.settings.get("paths"), saved.tensors["vectors"]
    if not isinstance(named, list) or len(named) != len(vectors) or not set(named) <= set(paths):
        raise BadRun(
            f"{folder} names no places of this model",
            found=f"{named}",
            expected=f"{len(vectors)} of {list(paths)}",
            do="remove the folder and fit the method again",
        )
    return FittedAddition(
        method, dict(zip(named, vectors, strict=True)), saved.settings["description"], saved.model
    )


def hidden_size(model: LanguageModel) -> int:
    """Return the width of the residual stream."""
    return stream_width(model.module)
