"""How exact reading and scaling are under each way to quantise: a tiny random Llama, one row of a table each.

Column: relative error of what neurons write, against the float model. Effect: relative error of what
scaled neurons add to their block's output, against their columns times their activations. Batch: relative
difference that other prompts of a batch make to what is read.

    python benchmarks/quantized_kinds.py
"""

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "models"))

from test_quantized import KINDS, PROMPTS, TOKENS, imported, logits, off, quantised, saved

from neuroswitch.activations import output_columns, read_last_token, scaled_neurons
from neuroswitch.models import LanguageModel, LoadOptions, load_model


def effect(model: LanguageModel, multiplier: float) -> float:
    """Return the relative error of the effect of twelve neurons of the middle layer."""
    ids = torch.arange(5, 40, 3) + model.layout.offsets[1]
    module = model.module.get_submodule(model.layout.sites[1].path)
    outputs: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda module, inputs, output: outputs.append(output[0, -1]))
    logits(model)
    with scaled_neurons(model, ids, torch.full((len(ids),), multiplier)):
        logits(model)
    handle.remove()
    before = read_last_token(model, TOKENS.tolist()).neurons[0, ids]
    return off(outputs[1] - outputs[0], (multiplier - 1) * before @ output_columns(model, ids))


def main() -> None:
    """Print the table."""
    print("| kind | version | column | effect x 0 | effect x 2 | batch |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = saved("llama", Path(place))
        plain = load_model(folder, options=LoadOptions(device="cpu"))
        every = torch.arange(plain.layout.size)
        for name, kind in KINDS.items():
            imported(kind.library)
            model = quantised(folder, name)
            together = read_last_token(model, PROMPTS).neurons
            alone = torch.cat([read_last_token(model, [prompt]).neurons for prompt in PROMPTS])
            errors = (
                off(output_columns(model, every), output_columns(plain, every)),
                effect(model, 0.0),
                effect(model, 2.0),
                off(together, alone),
            )
            library = kind.library.replace(".", "-")
            cells = " | ".join(f"{error:.1e}" for error in errors)
            print(f"| {name} | {library} {version(library)} | {cells} |")


if __name__ == "__main__":
    main()
