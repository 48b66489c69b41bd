"""What tests measure in several processes and in one: started by torchrun, or imported.

    torchrun --nproc-per-node 2 tests/models/parallel_worker.py DEVICE UNITS FOLDER OUT...

Each rank loads the model in FOLDER with UNITS on DEVICE, measures it and writes OUT/RANK.safetensors.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.output import output_columns
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.models.handle import LanguageModel
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from sets import tiny_contrast

TOKENS = torch.tensor([[3, 5, 8, 13, 21]])
RANKINGS = ("readout", "delta", "write_norm")


def measure(model: LanguageModel, batch_size: int = 4) -> dict[str, Tensor]:
    """Measure all that must not depend on how many processes there are."""
    reading = Reading(batch_size=batch_size)
    statistics = collect(model, tiny_contrast(), reading)
    found = {
        "positive mean": statistics.positive.neurons.mean,
        "positive variance": statistics.positive.neurons.variance(),
        "negative mean": statistics.negative.neurons.mean,
        "universal": statistics.universal.double(),
        "columns": output_columns(model, torch.arange(model.layout.size)),
        "logits": _logits(model),
    }
    if statistics.positive.next_token is not None:
        found["next token"] = statistics.positive.next_token.mean
    found |= {name: rank(statistics, name, model).value for name in RANKINGS}
    some = torch.arange(1, model.layout.size, 7)
    for multiplier in (0.0, 2.0):
        with scaled_neurons(model, some, torch.full((len(some),), multiplier)):
            found[f"logits x {multiplier:g}"] = _logits(model)
    found["logits after"] = _logits(model)
    return {name: value.contiguous().clone() for name, value in found.items()}


@torch.inference_mode()
def _logits(model: LanguageModel) -> Tensor:
    return model.module(TOKENS).logits


def main() -> None:
    from neuroswitch import processes

    torch.set_num_threads(1)
    device, units, *folders = sys.argv[1:]
    for folder, out in zip(folders[::2], folders[1::2], strict=True):
        model = load_model(folder, options=LoadOptions(device=device, units=units))
        save_file(measure(model), Path(out) / f"{processes.process_number()}.safetensors")


if __name__ == "__main__":
    main()
