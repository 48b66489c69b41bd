"""The fingerprint of a circuit in its checkpoint: sketches of the weights of its neurons, and of controls.

Taken when a circuit is saved, compared by `verify`. Controls are other neurons of the same layers; they tell
an edit of the circuit from a change of the whole model.
"""

import json
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import TypeAdapter
from safetensors.torch import save as dump_tensors
from torch import Tensor

from neuroswitch.activations import DIRECTIONS, WeightPrecision, precision_of, sketch_neurons
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.errors import BadCircuit
from neuroswitch.models import LanguageModel
from neuroswitch.tensor_files import Shapes, read_header, read_tensors

CONTROLS = 64
"""Neurons of each of the fullest sites; enough to see that a change has a rank far below it."""
CONTROL_SITES = 8
SEED = 20260

_TEXTURE = TypeAdapter(tuple[Literal["float32", "float16", "bfloat16"], bool])


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Sketches of a circuit's neurons and of controls.

    Attributes:
        ids: Flat ids, ascending; those that are not in the circuit are the controls.
        written: What each neuron writes, as `Sketches.written`.
        read: What each neuron reads, as `Sketches.read`.
        texture: Type of the coarsest layer, and whether any is quantised.
    """

    ids: Int64[Tensor, " neurons"]
    written: Float[Tensor, "neurons directions"]
    read: Float[Tensor, "neurons 2 directions"]
    texture: WeightPrecision

    def __post_init__(self) -> None:
        count = len(self.ids)
        shapes = (self.written.shape, self.read.shape)
        if shapes != ((count, DIRECTIONS), (count, 2, DIRECTIONS)):
            raise ValueError(f"sketches of {count} neurons cannot have the shapes {shapes}")


def take_fingerprint(circuit: Circuit, model: LanguageModel) -> Fingerprint:
    """Take the fingerprint of a circuit in its model, untouched."""
    return fingerprint_of(model, torch.cat([circuit.ids, _controls(circuit)]).sort().values)


def fingerprint_of(model: LanguageModel, ids: Int64[Tensor, " neurons"]) -> Fingerprint:
    """Take the fingerprint of chosen neurons, ascending."""
    sketches = sketch_neurons(model, ids)
    found = [precision_of(model, path) for path in model.layout.by_site(ids)]
    dtypes = {each.dtype for each in found}
    coarsest = next((dtype for dtype in ("bfloat16", "float16") if dtype in dtypes), "float32")
    return Fingerprint(
        ids, sketches.written, sketches.read, WeightPrecision(coarsest, any(each.quantized for each in found))
    )


def dump(fingerprint: Fingerprint) -> bytes:
    """Return a fingerprint as the bytes of a safetensors file."""
    tensors = {"ids": fingerprint.ids, "written": fingerprint.written, "read": fingerprint.read}
    return dump_tensors(tensors, metadata={"texture": json.dumps(fingerprint.texture)})


def parse(content: bytes, *, neurons: int) -> Fingerprint:
    """Read what `dump` returned.

    Args:
        content: The bytes.
        neurons: Size of the neuron axis that the ids must lie on.

    Raises:
        BadCircuit: It is damaged, or lacks something.
    """
    try:
        header = read_header(content)
        count = header.tensors["ids"].shape[0]
        tensors = read_tensors(content, _shapes(count))
        dtype, quantized = _TEXTURE.validate_json(header.notes["texture"])
        found = Fingerprint(**tensors, texture=WeightPrecision(dtype, quantized))
        ids = found.ids
        if not bool((ids.diff() > 0).all()):
            raise ValueError("ids must be ascending")
        if len(ids) and not 0 <= int(ids[0]) <= int(ids[-1]) < neurons:
            raise ValueError(f"ids outside the {neurons} neurons of the model")
    except (KeyError, IndexError, ValueError) as error:
        raise BadCircuit(
            "the fingerprint of the circuit is damaged",
            found=f"{type(error).__name__}: {error}",
            do="fetch or save the circuit again",
        ) from error
    return found


def _shapes(count: int) -> Shapes:
    return {
        "ids": (torch.int64, (count,)),
        "written": (torch.float32, (count, DIRECTIONS)),
        "read": (torch.float32, (count, 2, DIRECTIONS)),
    }


def _controls(circuit: Circuit) -> Int64[Tensor, " controls"]:
    """Draw neurons that are not in the circuit from the sites where it has most."""
    layout = circuit.layout
    by_site = layout.by_site(circuit.ids)
    fullest = sorted(by_site, key=lambda path: -len(by_site[path]))[:CONTROL_SITES]
    drawn = [torch.zeros(0, dtype=torch.int64)]
    for path in fullest:
        position = layout.paths.index(path)
        span = layout.span(position)
        candidates = np.random.RandomState(SEED + position).permutation(span.stop - span.start)
        free = torch.from_numpy(candidates)[: CONTROLS + len(by_site[path])].long() + span.start
        drawn.append(free[~torch.isin(free, circuit.ids)][:CONTROLS])
    return torch.cat(drawn)
