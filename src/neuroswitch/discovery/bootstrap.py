"""How much a circuit depends on which prompts were drawn: selections on bootstrap samples of the discovery prompts.

The model reads every prompt once. Each bootstrap sample of B keeps its own statistics, in which a prompt counts as
often as it was drawn; they are merged batch by batch, so memory grows with B and the model, never with the prompts.

Source: stability selection, Meinshausen & Buehlmann (2010), section 2.2, with bootstrap samples (Efron 1979)
instead of halves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.chat import ChatFormat
from neuroswitch.circuits import Circuit
from neuroswitch.discovery.collection import (
    Reading,
    completed,
    merge,
    read_numbered,
    summarised,
    values_of,
)
from neuroswitch.discovery.rankings import RANKINGS, Scores, rank
from neuroswitch.discovery.selection import budget, circuit_of, select
from neuroswitch.discovery.shared import merged_statistics
from neuroswitch.discovery.statistics import ClassStatistics
from neuroswitch.discovery.streaming import streamable
from neuroswitch.errors import BadOption
from neuroswitch.models import LanguageModel, team_of
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet, Prompt


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How discovery prompts are resampled and read.

    Attributes:
        samples: How many bootstrap samples; each draws as many prompts of a pile as it has, with replacement.
        seed: Of the draws.
        chat: System prompt and thinking mode.
    """

    samples: int = 16
    seed: int = 0
    chat: ChatFormat = ChatFormat()


@dataclass(frozen=True, eq=False)
class BootstrapSelection:
    """Which neurons are selected on bootstrap samples.

    Attributes:
        probability: Share of the samples in which a neuron was within the budget, shape (neurons,), 0-1.
        circuits: The circuit of each sample.
        scores: Mean of the scores over the samples; their statistics are those of all prompts, each once.
        size: The budget.
        how: How prompts were resampled.
    """

    probability: Float[Tensor, " neurons"]
    circuits: tuple[Circuit, ...]
    scores: Scores
    size: float
    how: Resampling

    def circuit(self) -> Circuit:
        """Return the circuit of the neurons that were selected most often; among equals the mean score decides."""
        by_score = self.scores.value.argsort(descending=True, stable=True)
        order = by_score[self.probability[by_score].argsort(descending=True, stable=True)]
        ids = order[: budget(self.size, len(order))].sort().values
        arguments = {"size": self.size, "samples": self.how.samples, "seed": self.how.seed}
        return circuit_of(self.scores, ids, dict(arguments))


def bootstrap_selection(
    model: LanguageModel,
    contrast: ContrastSet,
    ranking: str,
    size: float = 0.001,
    how: Resampling = Resampling(),
    *,
    progress: Progress = silent,
) -> BootstrapSelection:
    """Select a circuit on each of several bootstrap samples of the discovery prompts, in one pass over them.

    Args:
        model: The model, untouched.
        contrast: Only its discovery split is read.
        ranking: One that needs no responses, such as `delta`, `effect_size` or `writers`.
        size: Of each circuit: below 1 a fraction of all neurons, else a count.
        how: Number of samples, seed, chat format.
        progress: Called after each batch.

    Raises:
        BadOption: The ranking needs responses or does not exist, there is no sample, or as `select`.

    Examples:
        >>> found = bootstrap_selection(model, contrast, "delta", size=5)
        >>> len(found.circuits), len(found.circuit()), float(found.probability.sum())
        (16, 5, 5.0)
    """
    if RANKINGS.get(ranking).needs_responses:
        raise BadOption(
            f"the ranking {ranking!r} needs responses, which would have to be gathered again for every sample",
            expected=f"a ranking that needs no responses: {', '.join(streamable())}",
            do="name one of them, for example 'writers'",
        )
    if how.samples < 1:
        raise BadOption("a bootstrap needs at least one sample", found=f"{how.samples}")
    budget(size, model.layout.size)
    reading = Reading.of(ranking, chat=how.chat)
    generator = torch.Generator().manual_seed(how.seed)
    positive, negative = (
        _resampled(model, pile, reading, _counts(len(pile), how.samples, generator), progress)
        for pile in contrast.discovery
    )
    whole = completed(model, contrast, reading, (positive[0], negative[0]), progress)
    total, circuits = torch.zeros(model.layout.size, dtype=torch.float64), []
    chosen = torch.zeros(model.layout.size)
    for classes in zip(positive[1:], negative[1:], strict=True):
        scores = rank(replace(whole, positive=classes[0], negative=classes[1]), ranking, model)
        circuit = select(scores, size)
        circuits.append(circuit)
        total += scores.value
        chosen[circuit.ids] += 1
    mean = Scores((total / how.samples).float(), ranking, whole)
    return BootstrapSelection(chosen / how.samples, tuple(circuits), mean, size, how)


def _counts(prompts: int, samples: int, generator: torch.Generator) -> Int64[Tensor, "rows prompts"]:
    """Return how often each prompt counts: once in row 0, as often as it was drawn in each other row."""
    draws = [torch.randint(prompts, (prompts,), generator=generator) for _ in range(samples)]
    drawn = [torch.bincount(each, minlength=prompts) for each in draws]
    return torch.stack([torch.ones(prompts, dtype=torch.int64), *drawn])


def _resampled(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    reading: Reading,
    counts: Int64[Tensor, "rows prompts"],
    progress: Progress,
) -> list[ClassStatistics]:
    """Read prompts once, and return their statistics for each row of counts."""
    own: list[ClassStatistics | None] = [None] * len(counts)
    stage = "read discovery prompts"
    for places, batch in read_numbered(model, prompts, reading, progress=progress, stage=stage):
        values = values_of(model, batch, reading)
        for sample, often in enumerate(counts[:, places]):
            if bool(often.any()):
                drawn = {name: each.repeat_interleave(often, 0) for name, each in values.items()}
                own[sample] = merge(own[sample], summarised(drawn))
    return [merged_statistics(each, team_of(model)) for each in own]
