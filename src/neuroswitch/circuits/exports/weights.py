"""A circuit baked into a copy of the checkpoint: the only form that costs nothing at run time.

Shards are copied one by one and the touched values changed in the copy, so no more than one tensor
is in memory and every other byte stays as it was, fused experts included.
"""

import shutil
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from neuroswitch.checkpoints import Checkpoint, Place, checkpoint_of
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.forms import exporters, require_model
from neuroswitch.circuits.exports.written import weight_changes
from neuroswitch.circuits.folders import new_folder
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import write_json

# configuration, tokenizer, templates, code and licence of the model; its card describes the model as it was
COMPANIONS = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py", "LICENSE*", "NOTICE*")
NOTE = "neuroswitch.json"


@exporters.register("weights")
def weights(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write a checkpoint folder in which the circuit is scaled."""
    model = require_model(base, "weights")
    checkpoint = checkpoint_of(model)
    changes = weight_changes(circuit, model, strength)
    places = {name: checkpoint.place(name) for name in changes}
    _require_space(checkpoint, destination)
    with new_folder(destination) as staging:
        for file in (*checkpoint.files, *_companions(checkpoint.folder)):
            shutil.copyfile(file, staging / file.name)
        for name, change in changes.items():
            _scale_in_place(places[name], staging / places[name].file.name, change)
        note = {
            "what": f"{len(circuit)} MLP neurons scaled at strength {strength:g}",
            "strength": strength,
            "neurons": [
                {**neuron._asdict(), "multiplier": multiplier}
                for neuron, multiplier in zip(
                    circuit.neurons(), circuit.multipliers(strength).tolist(), strict=True
                )
            ],
            "provenance": circuit.provenance.to_json(),
        }
        write_json(staging / NOTE, note)
    return destination


def _scale_in_place(place: Place, copy: Path, change: Float[Tensor, "..."]) -> None:
    """Multiply values of a tensor by 1 + change in a copy of its file; values whose change is 0 stay.

    Applied in float32 and rounded to the type of the tensor.

    Raises:
        UnsupportedModel: The tensor is packed or has another shape.
    """
    if place.shape != tuple(change.shape):
        raise UnsupportedModel(
            f"a tensor in {place.file.name} has another shape than the model's",
            found=str(place.shape),
            expected=str(tuple(change.shape)),
            do="export the form 'ia3' or 'lora', which leave the checkpoint alone",
        )
    values, chosen = place.values(file=copy), change != 0
    values[chosen] = (values[chosen].float() * (1 + change[chosen])).to(values.dtype)


def _companions(folder: Path) -> list[Path]:
    return sorted({file for pattern in COMPANIONS for file in folder.glob(pattern) if file.is_file()})


def _require_space(checkpoint: Checkpoint, destination: Path) -> None:
    needed = sum(file.stat().st_size for file in checkpoint.files)
    there = next(parent for parent in destination.absolute().parents if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise Prerequisite(
            f"there is no room for a copy of the checkpoint at {destination}",
            found=f"{free / 1e9:.1f} GB free",
            expected=f"{needed / 1e9:.1f} GB",
            do="name a destination on another disk, or export the form 'ia3' or 'lora'",
        )
