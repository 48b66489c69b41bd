"""A circuit as a PEFT IA3 adapter on its own: what a circuit folder holds besides."""

from pathlib import Path

from neuroswitch.circuits.adapter import adapter_files
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.forms import exporters, require_dense
from neuroswitch.circuits.folders import new_folder
from neuroswitch.models import LanguageModel
from neuroswitch.storage import write_atomic


@exporters.register("ia3")
def ia3(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write a PEFT IA3 folder; no weights of the base model are read."""
    require_dense(circuit, "ia3")
    with new_folder(destination) as staging:
        for name, content in adapter_files(circuit, strength).items():
            write_atomic(staging / name, content)
    return destination
