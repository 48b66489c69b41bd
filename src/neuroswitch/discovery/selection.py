"""Scores in, circuit out: the neurons with the best scores, without universal neurons."""

from dataclasses import asdict
from typing import Literal

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from neuroswitch.circuits import Circuit
from neuroswitch.discovery.rankings import Scores
from neuroswitch.errors import BadOption
from neuroswitch.provenance import Provenance, command_line, now, versions
from neuroswitch.storage import JsonObject
from neuroswitch.values import require_size

Side = Literal["promoters", "suppressors"]


def select(scores: Scores, size: float = 0.001, *, side: Side = "promoters", dose: float = 1.0) -> Circuit:
    """Keep the neurons that score highest.

    Args:
        scores: What `rank` returned.
        size: Below 1 a fraction of all neurons of the model (0.001 is the paper's 0.1 %), else a count.
        side: Neurons that promote the behaviour (score above 0), or neurons that suppress it (below 0).
        dose: Of every neuron: at strength 1 it is multiplied by 1 - dose.

    Returns:
        The circuit; it contains no universal neuron.

    Raises:
        BadOption: The size gives no neuron, or more than have a score of the right sign.

    Examples:
        >>> statistics = ns.collect(model, contrast, ranking="delta_effect")
        >>> scores = ns.rank(statistics, "delta_effect", model)
        >>> suppressors = ns.select(scores, 5, side="suppressors")
        >>> bool((suppressors.scores < 0).all())
        True
    """
    statistics = scores.statistics
    count = budget(size, statistics.layout.size)
    value = scores.value if side == "promoters" else -scores.value
    qualify = qualified(scores, side)
    if count > int(qualify.sum()):
        raise BadOption(
            f"there are not enough {side} for a circuit of {count} neurons",
            found=f"{int(qualify.sum())} that qualify, of {statistics.layout.size}",
            do="choose a smaller size, or check that the two piles of prompts differ",
        )
    ids = value.masked_fill(~qualify, -torch.inf).topk(count).indices.sort().values
    return circuit_of(scores, ids, {"size": size, "side": side, "dose": dose}, dose)


def circuit_of(scores: Scores, ids: Int64[Tensor, " k"], arguments: JsonObject, dose: float = 1.0) -> Circuit:
    """Make the circuit of chosen neurons, all with one dose.

    Args:
        scores: What `rank` returned; their statistics give the class means.
        ids: Flat ids, ascending.
        arguments: How they were chosen.
        dose: Of every neuron.
    """
    statistics = scores.statistics
    return Circuit(
        layout=statistics.layout,
        ids=ids,
        doses=torch.full((len(ids),), float(dose)),
        scores=scores.value[ids],
        positive_mean=statistics.positive.neurons.mean[ids].float(),
        negative_mean=statistics.negative.neurons.mean[ids].float(),
        provenance=Provenance(
            model=asdict(statistics.model),
            contrast=statistics.contrast,
            prompts_sha256=statistics.prompts_sha256,
            ranking=scores.ranking,
            arguments={**arguments, "universal_left_out": int(statistics.universal.sum())},
            versions=versions(),
            date=now(),
            command=command_line(),
            found=statistics.found,
        ),
    )


def qualified(scores: Scores, side: Side = "promoters") -> Bool[Tensor, " neurons"]:
    """Return which neurons may be in a circuit: those with a score of the right sign that are not universal."""
    value = scores.value if side == "promoters" else -scores.value
    return (value > 0) & ~scores.statistics.universal


def budget(size: float, neurons: int) -> int:
    """Turn a size into a number of neurons.

    Args:
        size: Below 1 a fraction of `neurons`, rounded down; else a count.
        neurons: How many the model has.

    Raises:
        BadOption: The size is neither a fraction nor a count, or gives no neuron, or more than there are.
    """
    require_size(size)
    count = int(size * neurons) if size < 1 else int(size)
    if not 1 <= count <= neurons:
        raise BadOption(
            "the size of a circuit must give at least one neuron and at most all",
            found=f"{size}, which is {count} of {neurons} neurons",
            expected="a fraction such as 0.001 or a count such as 116",
        )
    return count
