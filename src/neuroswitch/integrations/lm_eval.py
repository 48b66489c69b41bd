r"""A model of lm-evaluation-harness that is steered by a circuit.

    python -m neuroswitch.integrations.lm_eval --model neuroswitch \
        --model_args pretrained=demo,circuit=refusal-circuit,multiplier=0 --tasks hellaswag

lm-eval finds models by import only, so this module is also its command line. The harness's own way
to adapters, `--model hf --model_args peft=...`, is not equal to this: it cuts the padding rows off the
embeddings (Qwen has them), which changes every log-probability.
"""

from contextlib import ExitStack
from typing import Any

from neuroswitch.circuits import load as load_circuit
from neuroswitch.errors import Prerequisite
from neuroswitch.methods import scaled
from neuroswitch.models import LoadOptions, load_model

try:
    from lm_eval.api.registry import register_model
    from lm_eval.models.huggingface import HFLM
except ModuleNotFoundError as error:
    raise Prerequisite(
        "this needs lm-evaluation-harness", found=str(error), do="pip install 'neuroswitch[eval]'"
    ) from error


@register_model("neuroswitch")
class SteeredLM(HFLM):
    """Any model that neuroswitch loads, with a circuit scaled in every forward pass.

    Args:
        pretrained: Folder, Hub id, `.gguf` file or "demo".
        circuit: Circuit folder; without one the model is untouched, which is the baseline.
        multiplier: What the neurons are multiplied by; 0 ablates them.
        dtype: As in `LoadOptions`.
        device: As in `LoadOptions`.
        arguments: As lm-eval's own model takes them, such as `batch_size`.

    Raises:
        WrongModel: The circuit was made for another model.
    """

    def __init__(
        self,
        pretrained: str = "demo",
        circuit: str | None = None,
        multiplier: float = 0.0,
        dtype: str = "auto",
        device: str | None = None,
        **arguments: Any,
    ) -> None:
        model = load_model(pretrained, options=LoadOptions(dtype=dtype, device=device or "auto"))
        super().__init__(pretrained=model.module, tokenizer=model.tokenizer, **arguments)
        self._steering = ExitStack()  # open for as long as the harness has the model
        if circuit is not None:
            self._steering.enter_context(scaled(model, load_circuit(circuit), float(multiplier)))


def main() -> None:
    """Run lm-eval's command line, with the model registered."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()
