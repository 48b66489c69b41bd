"""A circuit for every engine: IA3, LoRA, GGUF LoRA, baked weights, baked GGUF, MLX.

Multiplying a neuron is linear, so each form is exact, not an approximation; `docs/exports.md` says
which engine reads which, with measured differences. A new form is one function in `exports/`.
"""

import math
from pathlib import Path

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports import gguf, ia3, lora, weights  # noqa: F401 - they register their forms
from neuroswitch.circuits.exports.forms import exporters, require_neurons
from neuroswitch.circuits.files import check_model
from neuroswitch.models import LanguageModel, LoadOptions, load_model


def export(
    circuit: Circuit,
    base: LanguageModel | str | Path,
    form: str,
    destination: str | Path,
    *,
    multiplier: float = 0.0,
) -> Path:
    """Write a circuit in the form of another engine.

    Args:
        circuit: Which neurons.
        base: The model it was made for. A name (folder, Hub id, "demo") loads no weights: those that
            are needed are read from the checkpoint, one tensor at a time. For the form "gguf" the
            `.gguf` file to change a copy of; for other forms such a file is converted as `load` does.
        form: "ia3", "lora", "weights", "gguf-lora", "gguf", "mlx", or a plug-in's.
        destination: Folder to write, or file for the two GGUF forms. It appears when it is complete.
        multiplier: What the neurons are multiplied by; 0 ablates them.

    Returns:
        The destination.

    Raises:
        ValueError: The multiplier is not finite.
        BadCircuit: The circuit is empty.
        WrongModel: The circuit was made for another model.
        UnsupportedModel: The form cannot hold this circuit; the message names one that can.
        Prerequisite: Unknown form, missing or damaged checkpoint, full disk, existing destination.

    Example:
        >>> export(circuit, "Qwen/Qwen3-8B", "lora", "refusal-off/")
    """
    if not math.isfinite(multiplier):
        raise ValueError(f"a multiplier must be finite, not {multiplier}")
    require_neurons(circuit)
    exporter = exporters.get(form)
    known = base if isinstance(base, LanguageModel) else _named(base, form)
    if isinstance(known, LanguageModel):
        check_model(circuit, known)
    return exporter(circuit, known, Path(destination), multiplier)


def _named(base: str | Path, form: str) -> LanguageModel | Path:
    """Find a base model by name, without its weights; the GGUF file that is to be copied stays a path."""
    path = Path(base)
    if form == "gguf" and path.suffix == ".gguf" and path.is_file():
        return path
    # the type matters for a GGUF file only, which is converted: nothing may be rounded
    return load_model(base, options=LoadOptions(device="meta", dtype="float32"))
