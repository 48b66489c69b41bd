"""Train a small TopK SAE on the residual stream behind one layer, and save it in SAELens' format.

For a comparison where no published SAE of a model exists. It takes minutes on two cores, a published one takes
days and billions of tokens: name this difference wherever its numbers are quoted.

Source: TopK activation of Gao et al., "Scaling and evaluating sparse autoencoders" (arXiv:2406.04093).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import layer_paths, read_outputs
from neuroswitch.answering import Decoding, generate_tokens
from neuroswitch.batching import in_batches, plan_batches
from neuroswitch.chat import encode
from neuroswitch.methods.sae_files import sae_lens
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Prompt

BATCH = 16


@dataclass(frozen=True, kw_only=True)
class SaeTraining:
    """How an SAE is trained.

    Attributes:
        layer: Behind which layer, from 0.
        features: Number of features.
        active: How many of them are active at a token (TopK).
        steps: Training steps.
        batch: Tokens of a step.
        rate: Learning rate of Adam.
        answers: Tokens of the model's own answer that are read with each prompt.
        seed: Of weights and batches.
    """

    layer: int
    features: int = 1024
    active: int = 16
    steps: int = 400
    batch: int = 512
    rate: float = 1e-3
    answers: int = 24
    seed: int = 0


class Trained(NamedTuple):
    """Result of a training: tokens it saw, and the share of variance that is explained, up to 1."""

    tokens: int
    explained: float


def train_sae(model: LanguageModel, prompts: Sequence[Prompt], how: SaeTraining, folder: Path) -> Trained:
    """Train an SAE on prompts and the model's own answers to them, and write it for SAELens.

    The first token is left out: its residual stream is much larger in most models.

    Args:
        model: The model, untouched.
        prompts: Prompts that it reads and answers; no test prompts.
        how: Size and schedule.
        folder: Where `cfg.json` and `sae_weights.safetensors` are written.

    Raises:
        Prerequisite: SAELens is not installed.
    """
    library = sae_lens()
    activations = _activations(model, prompts, how)  # (tokens, H)
    scale = activations.shape[1] ** 0.5 / float(activations.norm(dim=1).mean())
    weights, explained = _trained(scale * activations, how)
    config = library.TopKSAEConfig(
        d_in=activations.shape[1],
        d_sae=how.features,
        k=how.active,
        metadata=library.saes.sae.SAEMetadata(
            hook_name=f"blocks.{how.layer}.hook_resid_post", model_name=model.identity.name
        ),
    )
    sae = library.TopKSAE(config)
    # the scale of the inputs becomes part of the weights
    folded = {
        "W_enc": weights["W_enc"] * scale,
        "b_enc": weights["b_enc"],
        "W_dec": weights["W_dec"] / scale,
        "b_dec": weights["b_dec"] / scale,
    }
    sae.load_state_dict(folded)
    sae.save_model(folder)
    return Trained(len(activations), explained)


def _activations(
    model: LanguageModel, prompts: Sequence[Prompt], how: SaeTraining
) -> Float[Tensor, "tokens hidden"]:
    ids = [encode(model.tokenizer, prompt) for prompt in prompts]
    if how.answers:
        decoding = Decoding(max_new_tokens=how.answers)
        answers = generate_tokens(model, ids, decoding)
        ids = [[*prompt, *answer] for prompt, answer in zip(ids, answers, strict=True)]
    path = layer_paths(model)[how.layer]

    def read(batch: Sequence[Sequence[int]]) -> Tensor:
        return read_outputs(model, batch, [range(1, len(row)) for row in batch], [path])[:, 0]

    batches = plan_batches(list(map(len, ids)), BATCH)
    return torch.cat(list(in_batches(read, ids, batches)))


def _trained(inputs: Float[Tensor, "tokens hidden"], how: SaeTraining) -> tuple[dict[str, Tensor], float]:
    """Minimise the squared error; decoder rows keep length 1. Returns weights and explained variance."""
    generator = torch.Generator().manual_seed(how.seed)
    decoder = torch.randn(how.features, inputs.shape[1], generator=generator)
    decoder = decoder / decoder.norm(dim=1, keepdim=True)
    weights = {
        "W_enc": decoder.T.clone(),
        "b_enc": torch.zeros(how.features),
        "W_dec": decoder.clone(),
        "b_dec": inputs.mean(0),
    }
    for weight in weights.values():
        weight.requires_grad_(True)
    optimizer = torch.optim.Adam([*weights.values()], lr=how.rate)
    with torch.enable_grad():
        for _ in range(how.steps):
            rows = torch.randint(len(inputs), (how.batch,), generator=generator)
            loss = (_reconstructed(inputs[rows], weights, how.active) - inputs[rows]).square().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                weights["W_dec"] /= weights["W_dec"].norm(dim=1, keepdim=True)
    with torch.no_grad():
        sample = inputs[torch.randperm(len(inputs), generator=generator)[:4096]]
        error = (_reconstructed(sample, weights, how.active) - sample).square().sum()
        explained = 1 - float(error / (sample - sample.mean(0)).square().sum())
    return {name: weight.detach().contiguous() for name, weight in weights.items()}, explained


def _reconstructed(inputs: Tensor, weights: dict[str, Tensor], active: int) -> Tensor:
    before = (inputs - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]
    top = before.topk(active, dim=1)
    features = torch.zeros_like(before).scatter(1, top.indices, top.values.relu())
    return features @ weights["W_dec"] + weights["b_dec"]
