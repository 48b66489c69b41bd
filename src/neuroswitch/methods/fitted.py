"""A method fitted to a model: what its strengths do, and its folder.

A folder holds `method.json` (method, model, settings) and `method.safetensors` (numbers). It appears complete or
not at all, equal fits are equal files, and one that is damaged or of another model is refused.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from neuroswitch.errors import BadRun, WrongModel
from neuroswitch.methods.base import ChangesModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import digest, new_folder, write_atomic, write_json

DESCRIPTION = "method.json"
TENSORS = "method.safetensors"
LARGEST_BYTES = 2**32

Identity = Mapping[str, str | None]
"""What must be equal for a fit to belong to a model, as JSON."""

Shapes = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
"""Name of a tensor -> its type and shape; -1 stands for any length."""

Change = Callable[["FittedChange", float, LanguageModel], AbstractContextManager[None]]
"""From a fit, a strength and a model to the block inside which the model is changed."""


@dataclass(frozen=True, eq=False)
class FittedChange(ChangesModel):
    """A method fitted to one model.

    Attributes:
        method: Name of the method.
        description: What it does, and how it was tuned, in one line.
        model: Identity of the model.
        change: What a strength does to the model; not saved.
        tensors: What was fitted, by name.
        settings: What else was fitted, as JSON.
    """

    method: str
    description: str
    model: Identity
    change: Change
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    settings: Mapping[str, str | list[str]] = field(default_factory=dict)

    def at(self, strength: float) -> "ChangeAtStrength":
        """Return the intervention of a strength."""
        return ChangeAtStrength(self, strength)

    def save(self, folder: Path) -> None:
        """Write the folder.

        Raises:
            Prerequisite: The folder exists and is not empty, or cannot be written.
        """
        content = dump_tensors(
            {name: tensor.cpu().clone().contiguous() for name, tensor in self.tensors.items()}
        )
        with new_folder(folder) as staging:
            write_atomic(staging / TENSORS, content)
            saved = _Saved(
                method=self.method,
                description=self.description,
                model=dict(self.model),
                settings=dict(self.settings),
                tensors_sha256=hashlib.sha256(content).hexdigest(),
            )
            write_json(staging / DESCRIPTION, saved.model_dump())


class _Saved(BaseModel):
    """What `method.json` holds; the fields are those of `FittedChange`."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[2] = 2
    method: str
    description: str
    model: dict[str, str | None]
    settings: dict[str, str | list[str]]
    tensors_sha256: str


@dataclass(frozen=True, eq=False)
class ChangeAtStrength:
    """The intervention of a fitted method at a strength."""

    fitted: FittedChange
    strength: float

    @property
    def name(self) -> str:
        """Method and strength."""
        return f"{self.fitted.method} x {self.strength:g}"

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the model is changed.

        Raises:
            WrongModel: The method was fitted to another model.
        """
        check_identity(self.fitted.model, model)
        return self.fitted.change(self.fitted, self.strength, model)


def identity(model: LanguageModel) -> Identity:
    """Return the identity of a model, as far as a fit depends on it."""
    known = asdict(model.identity)
    keys = ("name", "model_type", "config_sha256", "template_sha256", "weights_sha256")
    return {**{key: known[key] for key in keys}, "layout_sha256": digest(model.layout.to_json())}


def load_fitted(
    folder: Path, method: str, model: LanguageModel, change: Change, shapes: Shapes
) -> FittedChange:
    """Read what `FittedChange.save` wrote.

    Args:
        folder: The folder.
        method: Name of the method that it must hold.
        model: The model on which it is used.
        change: What a strength does.
        shapes: The tensors that it must hold.

    Raises:
        BadRun: The folder is damaged, or holds something else.
        WrongModel: It was fitted to another model.
    """
    path = folder / TENSORS
    try:
        saved = _Saved.model_validate_json((folder / DESCRIPTION).read_bytes())
        content = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
    except (OSError, ValueError) as error:
        raise damaged(folder, str(error)) from error
    if saved.method != method:
        raise damaged(folder, f"method {saved.method!r}", repr(method))
    check_identity(saved.model, model)
    if hashlib.sha256(content).hexdigest() != saved.tensors_sha256:
        raise damaged(folder, f"{TENSORS} of {len(content)} bytes with another digest")
    try:
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise damaged(folder, str(error)) from error
    if not _fits(tensors, shapes):
        found = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
        raise damaged(folder, f"tensors {found}", f"{dict(shapes)}, finite")
    return FittedChange(method, saved.description, identity(model), change, tensors, saved.settings)


def check_identity(expected: Identity, model: LanguageModel) -> None:
    """Compare the model of a fit with the one given; names may differ.

    The digest of the weights counts where both are known.

    Raises:
        WrongModel: They differ.
    """
    given = identity(model)
    ignored = {"name"}
    if not (expected.get("weights_sha256") and given["weights_sha256"]):
        ignored.add("weights_sha256")
    if differ := [key for key in given if key not in ignored and expected.get(key) != given[key]]:
        raise WrongModel(
            "this method was fitted to another model",
            found=f"{given['name']}: {differ[0]} {given[differ[0]]}",
            expected=f"{expected.get('name')}: {differ[0]} {expected.get(differ[0])}",
            do="load the model it was fitted to, or fit it to this one",
        )


def damaged(folder: Path, found: str, expected: str | None = None) -> BadRun:
    """Return the error for a folder that holds no complete fit."""
    return BadRun(
        f"{folder} does not hold a complete fitted method",
        found=found,
        expected=expected,
        do="remove the folder and fit the method again",
    )


def _fits(tensors: Mapping[str, Tensor], shapes: Shapes) -> bool:
    return tensors.keys() == shapes.keys() and all(
        tensors[name].dtype == dtype
        and tensors[name].dim() == len(shape)
        and all(want in (-1, got) for want, got in zip(shape, tensors[name].shape, strict=True))
        and bool(tensors[name].isfinite().all())
        for name, (dtype, shape) in shapes.items()
    )
