"""Try on a loaded model what a circuit will do to it: scale neurons, look, and look again afterwards.

The probe has proven the sites by then; this proves the two operations that everything else stands on.
"""

import torch
from torch import Tensor

from neuroswitch.activations.reading import read_last_token
from neuroswitch.activations.scaling import scaled_neurons
from neuroswitch.models import LanguageModel, weights_digest
from neuroswitch.sites import token_embedding

PROMPTS = ((13, 7, 4), 3)
"""Lengths of the trial's prompts in tokens, and seed of the tokens."""
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
LOOSE = 0.1


def try_out(model: LanguageModel) -> dict[str, bool]:
    """Read and scale neurons that fire, on three short prompts of random tokens.

    Returns:
        Name of the check -> whether it holds: a batch is read as its prompts one by one; a
        multiplier of 1 changes no bit; a multiplier of 0 changes the logits; afterwards logits and
        weights are bit for bit what they were.
    """
    prompts = _prompts(model)
    together = read_last_token(model, prompts).neurons  # (prompts, neurons)
    alone = torch.cat([read_last_token(model, [prompt]).neurons for prompt in prompts])
    tolerance = TOLERANCE.get(model.module.dtype, LOOSE)
    ids = _active(model, together[0])
    before, weights = _logits(model, prompts[0]), weights_digest(model.module)
    with scaled_neurons(model, ids, torch.ones(len(ids))):
        same = _logits(model, prompts[0])
    with scaled_neurons(model, ids, torch.zeros(len(ids))):
        ablated = _logits(model, prompts[0])
    after = _logits(model, prompts[0])
    return {
        "batch_equals_single": _close(together, alone, tolerance),
        "multiplier_1_changes_no_bit": torch.equal(before, same),
        "scaling_takes_effect": not torch.equal(before, ablated),
        "restored_bit_for_bit": torch.equal(before, after) and weights == weights_digest(model.module),
    }


def _prompts(model: LanguageModel) -> list[list[int]]:
    lengths, seed = PROMPTS
    tokens = len(next(token_embedding(model.module).parameters()))
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, tokens, (length,), generator=generator).tolist() for length in lengths]


def _active(model: LanguageModel, values: Tensor) -> Tensor:
    """Choose the strongest neurons of every site."""
    chosen = []
    for position in range(len(model.layout.sites)):
        span = model.layout.span(position)
        firing = values[span].abs()
        count = min(8, int((firing > 0).sum()))
        chosen.append(firing.topk(count).indices + span.start)
    return torch.cat(chosen)


@torch.no_grad()
def _logits(model: LanguageModel, prompt: list[int]) -> Tensor:
    ids = torch.tensor([prompt], device=model.device)
    logits: Tensor = model.module(input_ids=ids, use_cache=False).logits[0, -1]
    return logits.float().cpu()


def _close(left: Tensor, right: Tensor, tolerance: float) -> bool:
    return float((left - right).abs().max()) <= tolerance * float(right.abs().max()) + 1e-6
