"""What an export form is, and what forms require of a circuit and its base."""

from pathlib import Path
from typing import Protocol

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.registry import Registry


class Exporter(Protocol):
    """Writes a circuit in one form."""

    def __call__(
        self, circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float
    ) -> Path:
        """Write the circuit, whole or not at all, and return what was written.

        Args:
            circuit: Which neurons; never empty.
            base: The model it was made for: in memory, on the meta device (its checkpoint is read), or a
                `.gguf` file.
            destination: File or folder to write; must not exist, or be an empty folder.
            strength: Finite; 1 ablates neurons of dose 1.
        """
        ...


exporters: Registry[Exporter] = Registry("export form")


def require_dense(circuit: Circuit, form: str) -> None:
    """Refuse a circuit with neurons of fused experts.

    Raises:
        UnsupportedModel: There are some; the message names the forms that can hold them.
    """
    kinds = {site.path: site.kind for site in circuit.layout.sites}
    fused = [path for path in circuit.layout.by_site(circuit.ids) if kinds[path] == "experts"]
    if fused:
        raise UnsupportedModel(
            f"the form {form!r} cannot hold neurons of fused experts",
            found=f"a circuit with neurons in {fused[0]}",
            expected="neurons that are the input of a module of their own",
            do="export the form 'weights', or 'gguf' for llama.cpp: both change the experts' own weights",
        )


def require_model(base: LanguageModel | Path, form: str) -> LanguageModel:
    """Return the base as a model.

    Raises:
        UnsupportedModel: It is a `.gguf` file.
    """
    if isinstance(base, LanguageModel):
        return base
    raise UnsupportedModel(
        f"the form {form!r} is not made from a GGUF file",
        found=str(base),
        expected="a folder with config.json and safetensors, or a loaded model",
        do="name the checkpoint that the GGUF file was converted from, or load the GGUF file as a model",
    )
