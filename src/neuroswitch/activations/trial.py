"""Check on a loaded model that reading and scaling do what they promise."""

import torch
from torch import Tensor

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.reading import read_neurons
from neuroswitch.models import LanguageModel, weights_digest
from neuroswitch.sites import random_tokens

LENGTHS, SEED = (13, 7, 4), 3
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
LOOSE_TOLERANCE = 0.1


def check_reading_and_scaling(model: LanguageModel) -> dict[str, bool]:
    """Read and scale active neurons, on three short prompts of random tokens.

    Returns:
        Name of the check -> whether it holds: a batch is read as its prompts one by one; a multiplier
        of 1 changes no bit; a multiplier of 0 changes the logits; afterwards logits and weights are
        bit for bit what they were.
    """
    tokens = random_tokens(model.module, *[(length,) for length in LENGTHS], seed=SEED)
    prompts = [row.tolist() for row in tokens]
    together = read_neurons(model, prompts)  # (prompts, neurons)
    alone = torch.cat([read_neurons(model, [prompt]) for prompt in prompts])
    ids = _most_active(model, together[0])
    before, weights = _logits(model, prompts[0]), weights_digest(model.module)
    with scaled_neurons(model, ids, torch.ones(len(ids))):
        same = _logits(model, prompts[0])
    with scaled_neurons(model, ids, torch.zeros(len(ids))):
        ablated = _logits(model, prompts[0])
    after = _logits(model, prompts[0])
    tolerance = TOLERANCE.get(model.module.dtype, LOOSE_TOLERANCE)
    close = float((together - alone).abs().max()) <= tolerance * float(alone.abs().max()) + 1e-6
    return {
        "batch_equals_single": close,
        "multiplier_1_changes_no_bit": torch.equal(before, same),
        "scaling_takes_effect": not torch.equal(before, ablated),
        "restored_bit_for_bit": torch.equal(before, after) and weights == weights_digest(model.module),
    }


def _most_active(model: LanguageModel, values: Tensor) -> Tensor:
    """Choose up to 8 neurons of every site."""
    chosen = []
    for position in range(len(model.layout.sites)):
        span = model.layout.span(position)
        magnitude = values[span].abs()
        count = min(8, int((magnitude > 0).sum()))
        chosen.append(magnitude.topk(count).indices + span.start)
    return torch.cat(chosen)


@torch.no_grad()
def _logits(model: LanguageModel, prompt: list[int]) -> Tensor:
    ids = torch.tensor([prompt], device=model.device)
    logits: Tensor = model.module(input_ids=ids, use_cache=False).logits[0, -1]
    return logits.float().cpu()
