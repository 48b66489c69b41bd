"""A circuit written into a copy of the checkpoint, fused experts included: no cost at run time.

Shards are copied, and the scaled values changed in the copy: at most one tensor is in memory, and every other
byte stays as it was.
"""

import shutil
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from neuroswitch.checkpoints import CheckpointFiles, StoredTensor, checkpoint_of
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.forms import exporters, require_model
from neuroswitch.circuits.exports.written import written_multipliers
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import new_folder, write_json

# configuration, tokenizer, templates, code and licence of the model; its card describes the model as it was
COMPANIONS = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py", "LICENSE*", "NOTICE*")
NOTE = "neuroswitch.json"


@exporters.register("weights")
def export_weights(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write a checkpoint folder in which the circuit is scaled."""
    model = require_model(base, "weights")
    checkpoint = checkpoint_of(model)
    # everything is found before anything is copied
    places = {
        name: _checked(checkpoint.find(name), values)
        for name, values in written_multipliers(circuit, model, strength)
    }
    _require_space(checkpoint, destination)
    with new_folder(destination) as staging:
        for file in (*checkpoint.files, *_companions(checkpoint.folder)):
            shutil.copyfile(file, staging / file.name)
        for name, multipliers in written_multipliers(circuit, model, strength):
            values, chosen = places[name].values(file=staging / places[name].file.name), multipliers != 1
            # in float32, rounded once to the type of the tensor
            values[chosen] = (values[chosen].float() * multipliers[chosen]).to(values.dtype)
        pairs = zip(circuit.neurons(), circuit.multipliers(strength).tolist(), strict=True)
        note = {
            "what": f"{circuit.counted()} scaled at strength {strength:g}",
            "strength": strength,
            "neurons": [{**neuron._asdict(), "multiplier": multiplier} for neuron, multiplier in pairs],
            "provenance": circuit.provenance.to_json(),
        }
        write_json(staging / NOTE, note)
    return destination


def _checked(place: StoredTensor, values: Float[Tensor, "..."]) -> StoredTensor:
    """Refuse a tensor that is packed or has another shape than the model's."""
    if place.shape != tuple(values.shape):
        raise UnsupportedModel(
            f"a tensor in {place.file.name} has another shape than the model's",
            found=str(place.shape),
            expected=str(tuple(values.shape)),
            do="export the form 'ia3' or 'lora', which do not change the checkpoint",
        )
    return place


def _companions(folder: Path) -> list[Path]:
    return sorted({file for pattern in COMPANIONS for file in folder.glob(pattern) if file.is_file()})


def _require_space(checkpoint: CheckpointFiles, destination: Path) -> None:
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
