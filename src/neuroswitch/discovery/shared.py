"""Statistics of all processes together: every process gets the same, to the last bit.

Each process reads whole batches, as it would alone, so the merged moments differ from those of one process by
the rounding of float64. Where there are fewer batches than processes, batches get smaller, and the
difference is the rounding of the model's type.
"""

from functools import reduce

import torch
from torch import Tensor

from neuroswitch.discovery.statistics import ClassStatistics, Moments
from neuroswitch.errors import BadPrompts
from neuroswitch.models import Team


def merged(own: Moments | None, team: Team) -> Moments | None:
    """Merge the moments of all processes; None where none of them has any."""
    if team.count == 1:
        return own
    flat = torch.zeros(0, dtype=torch.float64)
    if own is not None:
        flat = torch.cat([torch.tensor([float(own.count)], dtype=torch.float64), own.mean, own.m2])
    parts = [_moments(part) for part in team.gather(flat) if len(part)]
    return reduce(Moments.merge, parts) if parts else None


def merged_statistics(own: ClassStatistics | None, team: Team) -> ClassStatistics:
    """Merge the statistics of all processes.

    Raises:
        BadPrompts: None of them read a prompt.
    """
    neurons = merged(None if own is None else own.neurons, team)
    normed = merged(None if own is None else own.normed, team)
    next_token = merged(None if own is None else own.next_token, team)
    layers = merged(None if own is None else own.layers, team)
    if neurons is None or normed is None:
        raise BadPrompts("there are no prompts to read", do="add prompts to both piles")
    return ClassStatistics(neurons, normed, next_token, layers)


def all_answers(own: dict[int, list[int]], team: Team) -> dict[int, list[int]]:
    """Return the token sequences of all processes: number of the prompt -> tokens."""
    flat = [number for place, tokens in own.items() for number in (place, len(tokens), *tokens)]
    numbers = torch.cat(team.gather(torch.tensor(flat, dtype=torch.int64))).tolist()
    found: dict[int, list[int]] = {}
    at = 0
    while at < len(numbers):
        place, length = numbers[at : at + 2]
        found[place] = numbers[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def _moments(flat: Tensor) -> Moments:
    mean, m2 = flat[1:].chunk(2)
    return Moments(int(flat[0]), mean, m2)
