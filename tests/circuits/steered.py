"""Circuits of tiny models for tests, and the logits that every form of a circuit must reproduce."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import cycle, islice
from pathlib import Path

import torch
from torch import Tensor

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.models.handle import LanguageModel
from neuroswitch.models.loading import load_model
from neuroswitch.provenance import Provenance
from tiny import tiny_model

ONES, DOSES = (1.0,), (1.0, 0.4, 2.5, -1.0)
STATES = ((1.0, ONES), (-1.0, ONES), (-0.7, ONES), (1.0, DOSES), (0.3, DOSES))
"""Strengths, and the doses that the neurons of a circuit get in turn."""
PROMPTS = torch.tensor([[1, 20, 30, 40, 50, 60], [1, 21, 31, 41, 51, 61]])


def saved_model(name: str, folder: Path, **settings: object) -> LanguageModel:
    """Write a tiny model and its tokenizer to `folder`, and load it from there."""
    model = tiny_model(name, **settings)
    model.module.save_pretrained(folder, max_shard_size=40_000)
    model.tokenizer.save_pretrained(folder)
    return load_model(folder)


def circuit_of(model: LanguageModel, ids: list[int], doses: Sequence[float] | None = None) -> Circuit:
    """Make a circuit of chosen neurons; scores and means are numbers that can be told apart.

    Doses belong to the neurons in ascending order; without them every neuron has dose 1.
    """
    scores = torch.arange(1, len(ids) + 1, dtype=torch.float32)
    provenance = Provenance(
        model=asdict(model.identity), prompts_sha256="0" * 64, contrast="test", ranking="test"
    )
    return Circuit(
        layout=model.layout,
        ids=torch.tensor(sorted(ids), dtype=torch.int64),
        doses=torch.ones(len(ids)) if doses is None else torch.tensor(doses),
        scores=scores,
        positive_mean=scores * 10,
        negative_mean=scores * -10,
        provenance=provenance,
    )


def dosed(circuit: Circuit, doses: tuple[float, ...] = DOSES) -> Circuit:
    """Give the neurons of a circuit doses in turn."""
    return replace(circuit, doses=torch.tensor([*islice(cycle(doses), len(circuit))]))


def spread_circuit(model: LanguageModel, count: int = 9, *, seed: int = 0) -> Circuit:
    """Make a circuit of random neurons that leaves the last site out, so that not every layer has any."""
    axis = model.layout.offsets[-2]
    chosen = torch.randperm(axis, generator=torch.Generator().manual_seed(seed))[:count]
    return circuit_of(model, chosen.tolist())


def steered_folders(folder: Path, **settings: object) -> tuple[LanguageModel, Circuit, Path]:
    """Write a Llama to `base` and a circuit of it to `circuit`, as harnesses want them: as folders."""
    model = saved_model("llama", folder / "base", **settings)
    circuit = spread_circuit(model, 20)
    return model, circuit, circuit.save(folder / "circuit")


@torch.inference_mode()
def logits(module: torch.nn.Module) -> Tensor:
    """Return the logits of every position of `PROMPTS`, shape (2, 6, vocabulary)."""
    return module(input_ids=PROMPTS, use_cache=False).logits


def hooked_logits(model: LanguageModel, circuit: Circuit, strength: float) -> Tensor:
    """Return the logits of the model steered by the hook: the reference."""
    multipliers = [1 - strength * dose for dose in circuit.doses.tolist()]
    with scaled_neurons(model, circuit.ids, torch.tensor(multipliers)):
        return logits(model.module)


def log_probability_gap(first: Tensor, second: Tensor) -> float:
    """Return the largest difference of log-probabilities."""
    return float((first.log_softmax(-1) - second.log_softmax(-1)).abs().max())
