"""Universal neurons: strongly active on every kind of prompt, so part of no behaviour.

Source: Herring, Naviasky & Malhotra (arXiv:2605.12290), step 5: a neuron is universal if it
is among the top 0.1 % by activation for at least 80 % of a set of diverse prompts. We take
activation as magnitude, as the authors' code does.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neuroswitch.errors import BadPrompts
from neuroswitch.models import ALONE, Team

TOP_FRACTION = 0.001
SHARE_OF_PROMPTS = 0.8


def universal_neurons(
    batches: Iterable[Float[Tensor, "prompts neurons"]],
    *,
    fraction: float = TOP_FRACTION,
    share: float = SHARE_OF_PROMPTS,
    team: Team = ALONE,
) -> Bool[Tensor, " neurons"]:
    """Mark the neurons that are among the most active for most of the prompts.

    Args:
        batches: Neurons of diverse prompts at the last token, activation units, batch by batch.
        fraction: Size of each prompt's top set, as a fraction of all neurons.
        share: Share of the prompts whose top set must hold the neuron.
        team: Processes whose prompts count together; each passes its own batches.

    Returns:
        One flag per neuron, shape (neurons,).

    Raises:
        BadPrompts: There were no prompts.
    """
    hits: Tensor | None = None
    prompts = 0
    for batch in batches:
        count = max(1, int(fraction * batch.shape[1]))
        hits = torch.zeros(batch.shape[1], dtype=torch.int64) if hits is None else hits
        hits += torch.bincount(batch.abs().topk(count).indices.flatten(), minlength=batch.shape[1])
        prompts += len(batch)
    own = torch.zeros(0, dtype=torch.int64) if hits is None else torch.cat([torch.tensor([prompts]), hits])
    counts = [part for part in team.gather(own) if len(part)]
    if not counts:
        raise BadPrompts("universal neurons need diverse prompts", found="none")
    total = torch.stack(counts).sum(0)
    return total[1:] >= share * total[0]
