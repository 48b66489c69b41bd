r"""A model of lm-evaluation-harness whose neurons are scaled by a circuit.

    python -m neuroswitch.integrations.lm_eval --model neuroswitch \
        --model_args pretrained=demo,circuit=refusal-circuit,multiplier=0 --tasks hellaswag

lm-eval knows a model only after its module was imported, so this module is also a command line.
`--model hf --model_args peft=...` gives other numbers: it cuts the padding rows off the embeddings (Qwen
has them), which changes every log-probability.
"""

from contextlib import ExitStack

from neuroswitch.circuits import Circuit
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
        circuit: Circuit folder; without one the model is untouched.
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
        **arguments: object,
    ) -> None:
        model = load_model(pretrained, options=LoadOptions(dtype=dtype, device=device or "auto"))
        super().__init__(pretrained=model.module, tokenizer=model.tokenizer, **arguments)
        self._steering = ExitStack()  # open for as long as the harness has the model
        if circuit is not None:
            self._steering.enter_context(scaled(model, Circuit.load(circuit), float(multiplier)))


def run_lm_eval() -> None:
    """Run lm-eval's command line with this model registered."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    run_lm_eval()
