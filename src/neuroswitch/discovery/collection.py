"""Prompts in, statistics out: one streaming pass over the discovery split of a contrast set.

Each prompt is read at its last token, in right-padded batches of similar length. The body of
the LM head never runs; where next-token probabilities are asked for, it runs on that one token.
Memory grows with the model and the batch, never with the number of prompts. Processes that
torchrun started split the batches, and all of them get the statistics of all prompts.

Source: contrastive pair search of Herring, Naviasky & Malhotra (arXiv:2605.12290), steps 1-3.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import (
    Activations,
    layer_paths,
    next_token_log_probabilities,
    read_last_token,
)
from neuroswitch.batching import compute_prefix, fitting_batch, in_batches, plan_batches
from neuroswitch.chat import ChatFormat, encode, read_token
from neuroswitch.circuits import found_with
from neuroswitch.detectors import Detector
from neuroswitch.discovery.effects import ATTRIBUTIONS
from neuroswitch.discovery.rankings import DEFAULT, RANKINGS
from neuroswitch.discovery.responses import (
    Answering,
    Gathering,
    Shows,
    always,
    gather_contributions,
    shows_of,
)
from neuroswitch.discovery.shared import merged_statistics
from neuroswitch.discovery.statistics import ClassStatistics, Contribution, Moments, NeuronStatistics
from neuroswitch.discovery.universal import universal_neurons
from neuroswitch.errors import BadOption
from neuroswitch.models import LanguageModel, team_of
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet, Prompt, diverse_prompts


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How prompts are read, and what is collected.

    Attributes:
        chat: System prompt and thinking mode.
        batch_size: Prompts per forward pass; the numbers do not depend on it. None takes what fits into
            the memory that is free; either is halved where memory runs out.
        needs: What to collect beyond neurons: `next_token`, `layers`, `contribution`, `total_effect` (a
            ranking's `needs`).
        shows: Which responses to positive prompts show the behaviour, for what needs responses.
        gathering: How responses are gathered, for what needs them.

    Examples:
        >>> reading = ns.Reading(batch_size=4, needs=frozenset())
        >>> statistics = ns.collect(model, contrast, reading)
        >>> statistics.contribution is None
        True
    """

    chat: ChatFormat = ChatFormat()
    batch_size: int | None = None
    needs: frozenset[str] = frozenset({"next_token", "contribution"})
    shows: Shows = always
    gathering: Gathering = Gathering()

    @classmethod
    def of(
        cls, ranking: str, detector: Detector | Shows | None = None, *, chat: ChatFormat = ChatFormat()
    ) -> "Reading":
        """Return how prompts are read for a ranking; arguments and errors as for `collect`."""
        return cls(chat=chat, needs=RANKINGS.get(ranking).needs, shows=shows_of(detector))


def collect(
    model: LanguageModel,
    contrast: ContrastSet,
    reading: Reading | None = None,
    *,
    ranking: str | None = None,
    detector: Detector | Shows | None = None,
    progress: Progress = silent,
) -> NeuronStatistics:
    """Collect the statistics of every neuron over the discovery split.

    Args:
        model: The model, untouched.
        contrast: Only its discovery split is read.
        reading: Other settings than those that `ranking` and `detector` give.
        ranking: Collect what this ranking needs; the default is "readout".
        detector: Which of the model's own responses show the behaviour, for rankings that need responses: a
            detector, or a function of response and prompt. None counts every response to a positive prompt.
        progress: Called after each batch.

    Returns:
        Statistics of both classes, universal neurons marked.

    Raises:
        BadOption: There is no such ranking, or it or a detector is given beside a reading.
        WeakBehaviour: The ranking needs responses, and none shows the behaviour.

    Examples:
        >>> statistics = ns.collect(model, contrast, ranking="delta")
        >>> statistics.positive.neurons.mean.shape == (model.layout.size,)
        True
    """
    if reading is None:
        reading = Reading.of(ranking or DEFAULT, detector)
    elif ranking is not None or detector is not None:
        raise BadOption(
            "a reading says already what is collected",
            expected="either a reading, or a ranking and a detector",
            do="give Reading.of(ranking, detector) as the reading",
        )
    positive, negative = contrast.discovery
    classes = (
        class_statistics(model, positive, reading, progress=progress, stage="read positive prompts"),
        class_statistics(model, negative, reading, progress=progress, stage="read negative prompts"),
    )
    return completed(model, contrast, reading, classes, progress)


def completed(
    model: LanguageModel,
    contrast: ContrastSet,
    reading: Reading,
    classes: tuple[ClassStatistics, ClassStatistics],
    progress: Progress,
) -> NeuronStatistics:
    """Add to the statistics of both classes all that `collect` returns beside them; errors as there."""
    positive, negative = classes
    return NeuronStatistics(
        layout=model.layout,
        positive=positive,
        negative=negative,
        universal=_universal(model, reading, progress),
        model=model.identity,
        contrast=contrast.name,
        prompts_sha256=contrast.sha256,
        found=found_with(contrast.discovery, reading.chat, _tokens_read(model, contrast, reading)),
        **_attributed(model, contrast, reading, progress),
    )


def class_statistics(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    reading: Reading = Reading(),
    *,
    progress: Progress = silent,
    stage: str = "read prompts",
) -> ClassStatistics:
    """Collect the statistics of one pile of prompts; every process of a team gets those of all prompts.

    Raises:
        BadPrompts: The pile is empty.
    """
    batches = read_batches(model, prompts, reading, progress=progress, stage=stage)
    own = reduce(merge, (summarised(values_of(model, batch, reading)) for batch in batches), None)
    return merged_statistics(own, team_of(model))


def read_batches(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    reading: Reading,
    *,
    progress: Progress,
    stage: str,
) -> Iterator[Activations]:
    """Read prompts batch by batch, as `read_numbered` does, without the numbers."""
    return (batch for _, batch in read_numbered(model, prompts, reading, progress=progress, stage=stage))


def read_numbered(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    reading: Reading,
    *,
    progress: Progress,
    stage: str,
) -> Iterator[tuple[list[int], Activations]]:
    """Read prompts batch by batch, sorted by length so that little is padded.

    In a team of processes each reads its own batches; where memory runs out, a batch comes in halves.

    Yields:
        Which prompts these are, as places in `prompts`, and what was read at their last token.
    """
    ids = [encode(model.tokenizer, prompt, reading.chat) for prompt in prompts]
    lengths = list(map(len, ids))
    prefix = compute_prefix(model, ids)
    size = reading.batch_size or fitting_batch(model, max(lengths, default=1))

    batches = plan_batches(lengths, size, team=team_of(model))
    outputs = layer_paths(model) if "layers" in reading.needs else ()

    def read(places: Sequence[int]) -> tuple[list[int], Activations]:
        rows = [ids[place] for place in places]
        return list(places), read_last_token(model, rows, prefix, outputs=outputs)

    return in_batches(read, range(len(ids)), batches, progress=progress, stage=stage)


def values_of(
    model: LanguageModel, batch: Activations, reading: Reading
) -> dict[str, Float[Tensor, "prompts width"]]:
    """Return what is asked for of each prompt, by its name in `ClassStatistics`."""
    values = {"neurons": batch.neurons, "normed": batch.normed}
    if "next_token" in reading.needs:
        values["next_token"] = next_token_log_probabilities(model, batch.normed).exp()
    if "layers" in reading.needs:
        values["layers"] = torch.cat(list(batch.outputs.values()), 1)
    return values


def summarised(values: Mapping[str, Float[Tensor, "prompts width"]]) -> ClassStatistics:
    """Return the statistics of some prompts, of what `values_of` returned for them."""
    moments = {name: Moments.of(each) for name, each in values.items()}
    return ClassStatistics(
        moments["neurons"], moments["normed"], moments.get("next_token"), moments.get("layers")
    )


def merge(left: ClassStatistics | None, right: ClassStatistics) -> ClassStatistics:
    """Return the statistics of both together."""
    return right if left is None else left.merge(right)


def _universal(model: LanguageModel, reading: Reading, progress: Progress) -> Tensor:
    batches = read_batches(model, diverse_prompts(), reading, progress=progress, stage="read diverse prompts")
    return universal_neurons((batch.neurons for batch in batches), team=team_of(model))


def _attributed(
    model: LanguageModel, contrast: ContrastSet, reading: Reading, progress: Progress
) -> dict[str, Contribution]:
    """Return what is asked for of what needs responses, by its name in `NeuronStatistics`."""
    answering = Answering(model, reading.gathering, reading.chat, progress)
    return {
        need: gather_contributions(answering, contrast.discovery, reading.shows, attribution)
        for need, attribution in ATTRIBUTIONS.items()
        if need in reading.needs
    }


def _tokens_read(model: LanguageModel, contrast: ContrastSet, reading: Reading) -> dict[str, int]:
    """Count the tokens at which the prompts were read; all should be the last token of the template."""
    prompts = (*contrast.discovery.positive, *contrast.discovery.negative)
    ids = (encode(model.tokenizer, prompt, reading.chat) for prompt in prompts)
    return dict(Counter(read_token(model.tokenizer, row).text for row in ids))
