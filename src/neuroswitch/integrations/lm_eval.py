r"""A model of lm-evaluation-harness whose neurons are scaled by a circuit.

    python -m neuroswitch.integrations.lm_eval --model neuroswitch \
        --model_args pretrained=demo,circuit=refusal-circuit,multiplier=0 --tasks hellaswag

lm-eval knows a model only after its module was imported, so this module is also a command line.
`--model hf --model_args peft=...` gives other numbers: it cuts the padding rows off the embeddings (Qwen
has them), which changes every log-probability.
"""

import logging
from contextlib import ExitStack
from typing import Any

import torch

from neuroswitch.circuits import Circuit
from neuroswitch.errors import Prerequisite
from neuroswitch.methods import scaled
from neuroswitch.models import LoadOptions, load_model
from neuroswitch.values import require_finite

try:
    from lm_eval.api.registry import register_model
    from lm_eval.models.huggingface import HFLM
except ModuleNotFoundError as error:
    raise Prerequisite(
        "this needs lm-evaluation-harness", found=str(error), do="pip install 'neuroswitch[eval]'"
    ) from error


HARNESS_DEVICE = "cuda:0"
"""What lm-eval's command line passes where no --device was given, on any machine."""

LOADING = ("dtype", "revision", "sites", "trust_remote_code", "units")


@register_model("neuroswitch")
class SteeredLM(HFLM):
    """Any model that neuroswitch loads, with a circuit scaled in every forward pass.

    Args:
        pretrained: Folder, Hub id, `.gguf` file or "demo".
        circuit: Circuit folder; without one the model is untouched.
        multiplier: What the neurons are multiplied by; 0 ablates them.
        device: As in `LoadOptions`. The harness says "cuda:0" where none was named; without CUDA that is the best
            device that there is.
        arguments: `dtype`, `revision`, `sites`, `trust_remote_code` and `units` as in `LoadOptions`; others as
            lm-eval's own model takes them, such as `batch_size`.

    Raises:
        BadOption: The multiplier is not finite.
        WrongModel: The circuit was made for another model.
    """

    def __init__(
        self,
        pretrained: str = "demo",
        circuit: str | None = None,
        multiplier: float = 0.0,
        device: str | None = None,
        **arguments: Any,
    ) -> None:
        multiplier = float(multiplier)
        require_finite("a multiplier", multiplier)
        saved = None if circuit is None else Circuit.load(circuit)
        if device == HARNESS_DEVICE and not torch.cuda.is_available():
            logging.getLogger(__name__).warning("There is no CUDA here: the device is chosen automatically.")
            device = None
        loading = {name: arguments.pop(name) for name in LOADING if arguments.get(name) is not None}
        model = load_model(pretrained, options=LoadOptions(device=device or "auto", **loading))
        super().__init__(pretrained=model.module, tokenizer=model.tokenizer, **arguments)
        self._steering = ExitStack()  # open for as long as the harness has the model
        if saved is not None:
            self._steering.enter_context(scaled(model, saved, multiplier))


def run_lm_eval() -> None:
    """Run lm-eval's command line with this model registered."""
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    run_lm_eval()
