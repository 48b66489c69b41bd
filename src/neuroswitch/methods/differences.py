"""Differences of means between the two piles of a contrast set, at the outputs of modules.

CAA adds them, directional ablation removes them.
"""

from collections.abc import Sequence

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
    model: LanguageModel, task: Task, paths: Sequence[str], last: int, *, progress: Progress
) -> Float[Tensor, "last modules hidden"]:
    """Return mean over positive minus mean over negative discovery prompts, at the last tokens of each.

    Args:
        model: The model, untouched.
        task: Only its discovery split is read.
        paths: Modules whose outputs are read.
        last: How many tokens, counted from the end; row 0 is the earliest.
        progress: Called after each batch.

    Returns:
        Differences in float32; the sums behind them are float64.
    """
    piles = [tokens_of(model, pile, task) for pile in task.contrast.discovery]
    ids, positive = piles[0] + piles[1], len(piles[0])
    prefix = compute_prefix(model, ids)

    def summed(rows: Sequence[int]) -> Tensor:
        batch = [ids[i] for i in rows]
        positions = [range(len(row) - last, len(row)) for row in batch]
        read = read_outputs(model, batch, positions, paths, prefix)  # (batch * last, modules, H)
        return read.double().unflatten(0, (len(batch), last)).sum(0)

    groups = [range(positive), range(positive, len(ids))]
    batches = plan_batches(list(map(len, ids)), BATCH, groups=groups)
    sums = [torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)]
    for rows, part in in_batches(summed, batches, progress=progress, stage="read discovery prompts"):
        pile = int(rows[0] >= positive)
        sums[pile] = sums[pile] + part
    return (sums[0] / positive - sums[1] / len(piles[1])).float()
