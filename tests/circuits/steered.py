"""Circuits of tiny models for tests, and the logits that every form of a circuit must reproduce."""

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.files import save
from neuroswitch.models.handle import LanguageModel
from neuroswitch.models.loading import load_model
from neuroswitch.provenance import Provenance
from tiny import tiny_model

MULTIPLIERS = (0.0, 2.0, 1.7)
PROMPTS = torch.tensor([[1, 20, 30, 40, 50, 60], [1, 21, 31, 41, 51, 61]])


def saved_model(name: str, folder: Path, **settings: object) -> LanguageModel:
    """Write a tiny model and its tokenizer to `folder`, and load it from there."""
    model = tiny_model(name, **settings)
    model.module.save_pretrained(folder, max_shard_size=40_000)
    model.tokenizer.save_pretrained(folder)
    return load_model(folder)


def circuit_of(model: LanguageModel, ids: list[int]) -> Circuit:
    """Make a circuit of chosen neurons; scores and means are numbers that can be told apart."""
    scores = torch.arange(1, len(ids) + 1, dtype=torch.float32)
    provenance = Provenance(
        model=asdict(model.identity), prompts_sha256="0" * 64, contrast="test", ranking="test"
    )
    return Circuit(model.layout, torch.tensor(sorted(ids)), scores, scores * 10, scores * -10, provenance)


def spread_circuit(model: LanguageModel, count: int = 9, *, seed: int = 0) -> Circuit:
    """Make a circuit of random neurons that leaves the last site out, so that not every layer has any."""
    axis = model.layout.offsets[-2]
    chosen = torch.randperm(axis, generator=torch.Generator().manual_seed(seed))[:count]
    return circuit_of(model, chosen.tolist())


def steered_folders(folder: Path, **settings: object) -> tuple[LanguageModel, Circuit, Path]:
    """Write a Llama to `base` and a circuit of it to `circuit`, as harnesses want them: as folders."""
    model = saved_model("llama", folder / "base", **settings)
    circuit = spread_circuit(model, 20)
    return model, circuit, save(circuit, folder / "circuit")


@torch.inference_mode()
def logits(module: torch.nn.Module) -> Tensor:
    """Return the logits of every position of `PROMPTS`, shape (2, 6, vocabulary)."""
    return module(input_ids=PROMPTS, use_cache=False).logits


def hooked_logits(model: LanguageModel, circuit: Circuit, multiplier: float) -> Tensor:
    """Return the logits of the model steered by the hook: the reference."""
    with scaled_neurons(model, circuit.ids, torch.full((len(circuit),), multiplier)):
        return logits(model.module)


def log_probability_gap(first: Tensor, second: Tensor) -> float:
    """Return the largest difference of log-probabilities."""
    return float((first.log_softmax(-1) - second.log_softmax(-1)).abs().max())
