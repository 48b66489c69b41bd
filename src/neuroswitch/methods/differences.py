"""Differences of means between the two piles of a contrast set, at the outputs of modules.

CAA adds them, directional ablation removes them, and features of an SAE are ranked by them.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import read_outputs
from neuroswitch.batching import compute_prefix, in_batches, plan_batches
from neuroswitch.chat import encode, shared_prefix
from neuroswitch.methods.base import Task
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress
from neuroswitch.prompts import Prompt

BATCH = 32

Summed = Callable[[Sequence[Sequence[int]]], Float[Tensor, "*shape"]]


def tokens_of(model: LanguageModel, prompts: Sequence[Prompt], task: Task) -> list[list[int]]:
    """Encode prompts with the task's chat format."""
    return [encode(model.tokenizer, prompt, task.chat) for prompt in prompts]


def closing_tokens(rows: Sequence[Sequence[int]]) -> int:
    """Count the last tokens that all prompts share, those of the template; at least 1.

    Tokens that all prompts begin with are not counted.
    """
    ends = shared_prefix([list(reversed(row)) for row in rows])
    return max(1, min(ends, min(map(len, rows)) - shared_prefix(rows)))


def mean_differences(
    model: LanguageModel,
    task: Task,
    paths: Sequence[str],
    last: int,
    *,
    progress: Progress,
    of: Callable[[Tensor], Tensor] = lambda outputs: outputs,
) -> Float[Tensor, "last modules hidden"]:
    """Return mean over positive minus mean over negative discovery prompts, at the last tokens of each.

    Args:
        model: The model, untouched.
        task: Only its discovery split is read.
        paths: Modules whose outputs are read.
        last: How many tokens, counted from the end; row 0 is the earliest.
        progress: Called after each batch.
        of: What is averaged: from outputs (tokens, modules, hidden) to values of each token and module.

    Returns:
        Differences in float32; the sums behind them are float64.
    """
    piles = [tokens_of(model, pile, task) for pile in task.contrast.discovery]
    prefix = compute_prefix(model, [row for pile in piles for row in pile])

    def summed(batch: Sequence[Sequence[int]]) -> Tensor:
        positions = [range(len(row) - last, len(row)) for row in batch]
        read = of(read_outputs(model, batch, positions, paths, prefix))  # (batch * last, modules, ...)
        return read.double().unflatten(0, (len(batch), last)).sum(0)

    positive, negative = (
        mean_over(pile, summed, progress=progress, stage=f"read {name} prompts")
        for name, pile in zip(("positive", "negative"), piles, strict=True)
    )
    return (positive - negative).float()


def mean_over(
    rows: Sequence[Sequence[int]], summed: Summed, *, progress: Progress, stage: str, size: int = BATCH
) -> Float[Tensor, "*shape"]:
    """Return the mean of what is read of token sequences, batch by batch.

    Args:
        rows: Token ids of each sequence; at least one.
        summed: From a batch to the sum of what is read of its sequences, float64.
        progress: Called after each batch.
        stage: Name of the work.
        size: Sequences of a batch, at most.
    """
    batches = plan_batches(list(map(len, rows)), size)
    return reduce(torch.add, in_batches(summed, rows, batches, progress=progress, stage=stage)) / len(rows)
