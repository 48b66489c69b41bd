"""A circuit baked into a copy of the checkpoint: the only form that costs nothing at run time.

Shards are copied one by one and the touched values changed in the copy, so no more than one tensor
is in memory and every other byte stays as it was, fused experts included.
"""

import shutil
from pathlib import Path

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.checkpoint import CheckpointFiles, checkpoint_of, scale_in_place
from neuroswitch.circuits.exports.forms import exporters, require_model
from neuroswitch.circuits.exports.written import touched_values
from neuroswitch.circuits.folders import new_folder
from neuroswitch.errors import Prerequisite
from neuroswitch.models import LanguageModel
from neuroswitch.storage import write_json

# configuration, tokenizer, templates, code and licence of the model; its card describes the model as it was
COMPANIONS = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py", "LICENSE*", "NOTICE*")
NOTE = "neuroswitch.json"


@exporters.register("weights")
def weights(circuit: Circuit, base: LanguageModel | Path, destination: Path, multiplier: float) -> Path:
    """Write a checkpoint folder in which the circuit is scaled."""
    model = require_model(base, "weights")
    checkpoint = checkpoint_of(model)
    touched = touched_values(circuit, model)
    places = {name: checkpoint.find(name) for name in touched}
    _require_space(checkpoint, destination)
    with new_folder(destination) as staging:
        for file in (*checkpoint.files, *_companions(checkpoint.folder)):
            shutil.copyfile(file, staging / file.name)
        for name, chosen in touched.items():
            place = places[name]
            scale_in_place(place, staging / place.file.name, chosen, multiplier)
        note = {
            "what": f"{len(circuit)} MLP neurons multiplied by {multiplier:g}",
            "multiplier": multiplier,
            "neurons": [neuron._asdict() for neuron in circuit.neurons()],
            "provenance": circuit.provenance.to_json(),
        }
        write_json(staging / NOTE, note)
    return destination


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
