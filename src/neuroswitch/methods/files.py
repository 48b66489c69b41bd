"""A fitted method as a folder: `method.json` says what it is, `method.safetensors` holds its numbers.

The folder appears whole or not at all, equal fits are equal files, and what was damaged or belongs
to another model is refused. Knows tensors and JSON; does not know what they mean.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from neuroswitch.circuits import new_folder
from neuroswitch.errors import BadRun, WrongModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import digest, write_atomic, write_json

SCHEMA = 1
DESCRIPTION = "method.json"
TENSORS = "method.safetensors"
LARGEST_BYTES = 2**32

Identity = dict[str, Any]
"""What must be equal for a fit to belong to a model, as JSON."""


class Saved(NamedTuple):
    """What a folder holds: settings, tensors, and the model they were fitted to."""

    settings: dict[str, Any]
    tensors: dict[str, Tensor]
    model: Identity


def identity(model: LanguageModel) -> Identity:
    """Return who a model is, as far as a fit depends on it."""
    known = asdict(model.identity)
    keys = ("name", "model_type", "config_sha256", "template_sha256", "weights_sha256")
    return {**{key: known[key] for key in keys}, "layout_sha256": digest(model.layout.to_json())}


def save_fit(
    folder: Path, method: str, model: Identity, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write a fit to a folder that does not exist yet, or is empty.

    Raises:
        Prerequisite: The folder holds something, or cannot be written.
    """
    content = dump_tensors({name: tensor.cpu().clone().contiguous() for name, tensor in tensors.items()})
    with new_folder(folder) as staging:
        write_atomic(staging / TENSORS, content)
        write_json(
            staging / DESCRIPTION,
            {
                "schema": SCHEMA,
                "method": method,
                "model": model,
                "settings": dict(settings),
                "tensors_sha256": hashlib.sha256(content).hexdigest(),
            },
        )


def load_fit(
    folder: Path, method: str, model: LanguageModel, shapes: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
) -> Saved:
    """Read what `save_fit` wrote.

    Args:
        folder: The folder.
        method: Name of the method that it must hold.
        model: The model it shall be used on.
        shapes: Tensor name -> dtype and shape that it must have; -1 stands for any length.

    Raises:
        BadRun: The folder is damaged, or holds something else.
        WrongModel: It was fitted to another model.
    """
    said = _description(folder / DESCRIPTION)
    if said.get("schema") != SCHEMA or said.get("method") != method:
        raise _damaged(
            folder, f"method {said.get('method')!r}, schema {said.get('schema')!r}", f"{method!r}, {SCHEMA}"
        )
    check_identity(said.get("model"), model)
    path = folder / TENSORS
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise _damaged(folder, f"no {TENSORS}, or one that is too large")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != said.get("tensors_sha256"):
        raise _damaged(folder, f"{TENSORS} of {len(content)} bytes with another digest")
    try:
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise _damaged(folder, str(error)) from error
    _check_shapes(folder, tensors, shapes)
    settings = said.get("settings")
    if not isinstance(settings, dict) or not isinstance(settings.get("description"), str):
        raise _damaged(folder, f"no settings in {DESCRIPTION}")
    return Saved(settings, tensors, identity(model))


def check_identity(made_for: object, model: LanguageModel) -> None:
    """Compare the model that something was fitted to with the one given; names may differ.

    The digest of the weights counts where both are known.

    Raises:
        WrongModel: They differ.
    """
    expected, given = made_for if isinstance(made_for, dict) else {}, identity(model)
    unknown = {"name"} | {key for key in given if key == "weights_sha256" and not expected.get(key)}
    unknown |= {key for key in ("weights_sha256",) if not given[key]}
    if differ := [key for key in given if key not in unknown and expected.get(key) != given[key]]:
        raise WrongModel(
            "this method was fitted to another model",
            found=f"{given['name']}: {differ[0]} {given[differ[0]]}",
            expected=f"{expected.get('name')}: {differ[0]} {expected.get(differ[0])}",
            do="load the model it was fitted to, or fit it to this one",
        )


def _description(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _damaged(path.parent, f"{DESCRIPTION}: {error}") from error
    if not isinstance(said, dict):
        raise _damaged(path.parent, f"{DESCRIPTION} is not a JSON object")
    return said


def _check_shapes(
    folder: Path,
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[torch.dtype, tuple[int, ...]]],
) -> None:
    found = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
    fits = found.keys() == shapes.keys() and all(
        found[name][0] == dtype
        and len(found[name][1]) == len(shape)
        and all(want in (-1, got) for want, got in zip(shape, found[name][1], strict=True))
        for name, (dtype, shape) in shapes.items()
    )
    finite = all(bool(tensor.isfinite().all()) for tensor in tensors.values())
    if not fits or not finite:
        raise _damaged(folder, f"tensors {found}, finite: {finite}", f"{dict(shapes)}, finite")


def _damaged(folder: Path, found: str, expected: str | None = None) -> BadRun:
    return BadRun(
        f"{folder} does not hold a whole fitted method",
        found=found,
        expected=expected,
        do="remove the folder and fit the method again",
    )
