"""A circuit for other engines: IA3, LoRA, GGUF LoRA, MLX, and weights of a checkpoint or GGUF file.

Multiplying a neuron is linear, so each form is exact; `docs/exports.md` says which engine reads which, with
measured differences. A new form is one function in `exports/`.
"""

from pathlib import Path

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports import gguf, ia3, lora, weights  # noqa: F401  they register their forms
from neuroswitch.circuits.exports.forms import exporters
from neuroswitch.circuits.files import check_model
from neuroswitch.errors import BadCircuit
from neuroswitch.models import LanguageModel, LoadOptions, load_model
from neuroswitch.options import SourceOptions


def export(
    circuit: Circuit,
    base: LanguageModel | str | Path,
    form: str,
    destination: str | Path,
    *,
    strength: float = 1.0,
    files: SourceOptions = SourceOptions(),
) -> Path:
    """Write a circuit in the form of another engine.

    Args:
        circuit: Which neurons.
        base: The model it was made for, loaded or by name (folder, Hub id, "demo"). By name, only the weights
            that are needed are read, one tensor at a time. For the form "gguf": the `.gguf` file of which a
            changed copy is written.
        form: "ia3", "lora", "weights", "gguf-lora", "gguf", "mlx", or one that a plug-in registers.
        destination: Folder to write, or file for the two GGUF forms. It appears when it is complete.
        strength: Neuron j is multiplied by 1 - strength * dose_j; 1 ablates neurons of dose 1.
        files: Which files of a base model that is named are read, and where its neurons are.

    Returns:
        The destination.

    Raises:
        BadOption: The strength is not finite, or there is no such form.
        BadCircuit: The circuit is empty.
        WrongModel: The circuit was made for another model.
        UnsupportedModel: The form cannot hold this circuit; the message names one that can.
        Prerequisite: Missing or damaged checkpoint, full disk, existing destination.

    Examples:
        >>> ns.export(circuit, model, "lora", "refusal-off").name
        'refusal-off'
    """
    circuit.multipliers(strength)  # refuses a strength that is not finite
    if not len(circuit):
        raise BadCircuit("an empty circuit cannot be exported", do="use the base model itself")
    exporter = exporters.get(form)
    known = base if isinstance(base, LanguageModel) else _named(base, form, files)
    if isinstance(known, LanguageModel):
        check_model(circuit, known)
    return exporter(circuit, known, Path(destination).expanduser(), strength)


def _named(base: str | Path, form: str, files: SourceOptions) -> LanguageModel | Path:
    """Load a base model by name without its weights; for the form "gguf" return the path of the file."""
    path = Path(base).expanduser()
    if form == "gguf" and path.suffix == ".gguf" and path.is_file():
        return path
    # float32, so that a GGUF file is converted without rounding
    return load_model(base, options=LoadOptions(**vars(files), device="meta", dtype="float32"))
