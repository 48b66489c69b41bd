"""A method fitted to a model: what its strengths do, and its folder.

A folder holds `method.json` (method, model, settings) and `method.safetensors` (numbers). It appears complete or
not at all, equal fits are equal files, and one that is damaged or of another model is refused.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict
from safetensors.torch import save as dump_tensors
from torch import Tensor

from neuroswitch.errors import BadRun, WrongModel
from neuroswitch.methods.base import ChangesModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import (
    JsonObject,
    digest,
    new_folder,
    require_signed,
    signed,
    write_atomic,
    write_json,
)
from neuroswitch.tensor_files import LARGEST_TENSORS, Shapes, read_tensors
from neuroswitch.untrusted import parse_json, read_inside

DESCRIPTION = "method.json"
TENSORS = "method.safetensors"

Identity = Mapping[str, str | None]
"""What must be equal for a fit to belong to a model, as JSON."""

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
            saved = {
                "version": 2,
                "method": self.method,
                "description": self.description,
                "model": dict(self.model),
                "settings": dict(self.settings),
                "tensors_sha256": hashlib.sha256(content).hexdigest(),
            }
            write_json(staging / DESCRIPTION, signed(saved))


class _Saved(BaseModel):
    """What `method.json` holds; the fields are those of `FittedChange`, and the digest of all of them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[2]
    method: str
    description: str
    model: dict[str, str | None]
    settings: dict[str, str | list[str]]
    tensors_sha256: str
    sha256: str


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
    try:
        document = parse_json(read_inside(folder, DESCRIPTION))
        saved = _Saved.model_validate(document)
        require_signed(cast("JsonObject", document))
        content = read_inside(folder, TENSORS, LARGEST_TENSORS)
    except (OSError, ValueError) as error:
        raise damaged(folder, str(error)) from error
    if saved.method != method:
        raise damaged(folder, f"method {saved.method!r}", repr(method))
    check_identity(saved.model, model)
    if hashlib.sha256(content).hexdigest() != saved.tensors_sha256:
        raise damaged(folder, f"{TENSORS} of {len(content)} bytes with another digest")
    try:
        tensors = read_tensors(content, shapes)
    except ValueError as error:
        raise damaged(folder, str(error)) from error
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
