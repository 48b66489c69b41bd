"""A model provider of Inspect whose neurons are scaled by a circuit.

    inspect eval task.py --model neuroswitch/Qwen/Qwen3-8B -M circuit=refusal-circuit -M multiplier=0

Inspect finds it through the entry point of this package. Without it, `--model hf/any -M
model_path=refusal-circuit -M tokenizer_path=BASE` does the same for a circuit with an IA3 adapter.
"""

from contextlib import ExitStack

from neuroswitch.circuits import Circuit
from neuroswitch.errors import Prerequisite
from neuroswitch.methods import scaled
from neuroswitch.models import LoadOptions, find_origin, wrap_model
from neuroswitch.options import Units
from neuroswitch.progress import silent
from neuroswitch.values import require_finite

try:
    from inspect_ai.model import ModelAPI, modelapi
except ModuleNotFoundError as error:
    raise Prerequisite(
        "this needs inspect-ai", found=str(error), do="pip install 'neuroswitch[inspect]'"
    ) from error


@modelapi(name="neuroswitch")
def neuroswitch() -> type[ModelAPI]:
    """Return the provider; Inspect's own provider for transformers is imported only now."""
    from inspect_ai.model._providers.hf import HuggingFaceAPI

    class SteeredAPI(HuggingFaceAPI):
        """Inspect's provider for transformers, with a circuit scaled in every forward pass.

        Args:
            model_name: What `load_model` takes: Hub id, folder, GGUF file or "demo"; any name if `model_path` is given.
            circuit: Circuit folder; without one the model is untouched.
            multiplier: What the neurons are multiplied by; 0 ablates them.
            units: As in `LoadOptions`.
            arguments: As Inspect's own provider takes them, generation settings included.

        Raises:
            BadOption: The multiplier is not finite.
            WrongModel: The circuit was made for another model.
        """

        def __init__(
            self,
            model_name: str,
            *,
            circuit: str | None = None,
            multiplier: float = 0.0,
            units: Units = "mlp",
            **arguments: object,
        ) -> None:
            multiplier, name = float(multiplier), str(arguments.get("model_path") or model_name)
            require_finite("a multiplier", multiplier)
            saved = None if circuit is None else Circuit.load(circuit)
            if not arguments.get("model_path"):
                # the demo model and GGUF files lie in folders of this machine
                origin = find_origin(model_name, LoadOptions(), silent)
                name = origin.name
                if origin.location != model_name:
                    arguments["model_path"] = origin.location
            super().__init__(model_name, **arguments)
            self._steering = ExitStack()  # open for as long as Inspect has the model
            if saved is not None:
                model = wrap_model(self.model, self.tokenizer, name=name, units=units)
                self._steering.enter_context(scaled(model, saved, multiplier))

    return SteeredAPI
