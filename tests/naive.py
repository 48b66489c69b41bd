"""An oracle: the paper's equations, one prompt at a time, with loops. Slow and obvious on purpose."""

import torch
from torch import Tensor

from neuroswitch.chat import encode
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt


@torch.inference_mode()
def naive_neurons(model: LanguageModel, prompt: Prompt) -> Tensor:
    """Read every dense neuron at the last token of one prompt, running the whole model."""
    seen: list[Tensor] = []
    handles = [
        model.module.get_submodule(site.path).register_forward_pre_hook(
            lambda module, arguments: seen.append(arguments[0].reshape(-1, arguments[0].shape[-1])[-1])
        )
        for site in model.layout.sites
    ]
    model.module(torch.tensor([encode(model.tokenizer, prompt)]))
    for handle in handles:
        handle.remove()
    return torch.cat(seen).float()


def naive_circuit(
    model: LanguageModel, positive: list[Prompt], negative: list[Prompt], count: int
) -> list[int]:
    """Rank by |delta| with a loop over neurons, as the paper describes steps 1 to 4."""
    piles = [[naive_neurons(model, prompt).tolist() for prompt in pile] for pile in (positive, negative)]
    scores = {}
    for neuron in range(model.layout.size):
        means = [sum(row[neuron] for row in pile) / len(pile) for pile in piles]
        scores[neuron] = abs(means[0] - means[1])
    return sorted(sorted(scores, key=lambda neuron: -scores[neuron])[:count])


@torch.inference_mode()
def naive_answer(model: LanguageModel, ids: list[int], limit: int, ends: frozenset[int]) -> list[int]:
    """Decode greedily without batches, padding or caches."""
    tokens = list(ids)
    for _ in range(limit):
        logits = model.module(torch.tensor([tokens]), use_cache=False).logits[0, -1]
        tokens.append(int(logits.argmax()))
        if tokens[-1] in ends:
            break
    return tokens[len(ids) :]
