"""Statistics in, one score per neuron out: a registry of small functions.

A positive score means that the neuron promotes the behaviour, a negative one that it suppresses it;
rankings that drop the sign say so. `needs` names what a ranking needs beyond means and variances, so that
nothing else is collected.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import layer_paths, norm_gain, output_columns
from neuroswitch.discovery.effects import ATTRIBUTIONS
from neuroswitch.discovery.statistics import NeuronStatistics
from neuroswitch.errors import BadOption, WrongModel
from neuroswitch.models import LanguageModel
from neuroswitch.options import CircuitChoice
from neuroswitch.registry import Registry

Score = Callable[[NeuronStatistics, LanguageModel], Tensor]

DEFAULT = CircuitChoice.ranking

ROWS = 2**14
"""Rows of the unembedding that are in memory in float32 at once."""


@dataclass(frozen=True)
class Ranking:
    """One way to score neurons.

    Attributes:
        name: Its name in options.
        score: Returns one score per neuron, shape (neurons,), float32.
        needs: What statistics must hold: `next_token`, `layers`, `contribution`, `total_effect`, or none of them.
    """

    name: str
    score: Score
    needs: frozenset[str]

    @property
    def needs_responses(self) -> bool:
        """Whether the model must answer prompts, and show the behaviour, before neurons can be scored."""
        return bool(self.needs & ATTRIBUTIONS.keys())


@dataclass(frozen=True, eq=False)
class Scores:
    """One score per neuron, and where it comes from.

    Attributes:
        value: Shape (neurons,), float32; larger is more of the behaviour.
        ranking: Name of the ranking.
        statistics: What was ranked.
    """

    value: Float[Tensor, " neurons"]
    ranking: str
    statistics: NeuronStatistics


RANKINGS: Registry[Ranking] = Registry("ranking")


def ranking(name: str, *needs: str) -> Callable[[Score], Score]:
    """Register a ranking under `name`."""

    def decorator(score: Score) -> Score:
        RANKINGS.register(name)(Ranking(name, score, frozenset(needs)))
        return score

    return decorator


def rank(statistics: NeuronStatistics, name: str, model: LanguageModel) -> Scores:
    """Score every neuron.

    Args:
        statistics: What `collect` returned.
        name: One of `RANKINGS.names()`.
        model: The model of the statistics; rankings read its output weights.

    Raises:
        BadOption: There is no such ranking, or the statistics lack what it needs.
        WrongModel: The statistics belong to another model.

    Examples:
        >>> statistics = ns.collect(model, contrast, ranking="delta")
        >>> scores = ns.rank(statistics, "delta", model)
        >>> bool((scores.value >= 0).all())
        True
    """
    chosen = RANKINGS.get(name)
    held = {
        "next_token": statistics.positive.next_token is not None,
        "layers": statistics.positive.layers is not None,
        **{need: getattr(statistics, need) is not None for need in ATTRIBUTIONS},
    }
    if missing := [need for need in chosen.needs if not held[need]]:
        raise BadOption(
            f"the ranking {name!r} needs {missing[0]} statistics, which were not collected",
            found="statistics of " + (", ".join(need for need in held if held[need]) or "activations only"),
            do=f"collect again: collect(model, contrast, ranking={name!r})",
        )
    if statistics.layout != model.layout:
        raise WrongModel("the statistics belong to a model of another shape", found=model.identity.name)
    with torch.no_grad():  # the model's weights may ask for gradients
        value = chosen.score(statistics, model).float()
    return Scores(value, name, statistics)


@ranking("readout", "contribution")
def readout(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by what a neuron contributes to the model's own responses, nats per token.

    The mean direct contribution to the log-probability of responses that show the behaviour, minus that to
    the answers to negative prompts. Every token of a response counts, and responses are gathered in rounds,
    so the score covers more than one way to begin.

    Source: `discovery.contribution` and `discovery.responses`; docs/method.md compares it.
    """
    if statistics.contribution is None:
        raise ValueError("`rank` checks what a ranking needs")
    return statistics.contribution.difference


@ranking("total_effect", "total_effect")
def total_effect(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by what a neuron does to the model's own responses through all paths, nats per token.

    The mean, over responses that show the behaviour, of sum over positions of a_j d log p(response) / d a_j
    divided by the response's length, minus the mean over the answers to negative prompts. `readout` counts
    only what a neuron writes itself; this counts what later layers make of it, and takes a backward pass.

    Source: `discovery.effects` and `discovery.responses`.
    """
    if statistics.total_effect is None:
        raise ValueError("`rank` checks what a ranking needs")
    return statistics.total_effect.difference


@ranking("delta")
def delta(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by |difference of class means|, activation units: the paper's ranking, without a sign.

    Source: arXiv:2605.12290, step 4.
    """
    return statistics.delta.abs()


@ranking("effect_size")
def effect_size(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by the difference of class means in units of the pooled standard deviation.

    Source: Cohen (1988), eq. 2.5.2. A deviation below 1e-6 counts as 1e-6.
    """
    positive, negative = statistics.positive.neurons, statistics.negative.neurons
    freedom = positive.count + negative.count - 2
    pooled = (
        (positive.count - 1) * positive.variance() + (negative.count - 1) * negative.variance()
    ) / freedom
    return statistics.delta / pooled.sqrt().clamp(min=1e-6).float()


@ranking("delta_effect")
def delta_effect(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by delta times |effect size|: large and reliable at once."""
    return statistics.delta * effect_size(statistics, model).abs()


@ranking("write_norm")
def write_norm(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by delta times the norm of what the neuron writes: the change it makes to the residual stream."""
    return statistics.delta * _per_site(model, lambda written: written.norm(dim=1))


@ranking("next_token", "next_token")
def next_token(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by delta times what the neuron writes toward the first token of the answer.

    The direction is the difference of the classes' mean next-token probabilities, taken back through the
    unembedding and the final norm's gain. It covers the first token only: see docs/method.md.
    """
    positive, negative = statistics.positive.next_token, statistics.negative.next_token
    if positive is None or negative is None:
        raise ValueError("`rank` checks what a ranking needs")
    unembedding, difference = model.unembedding, (positive.mean - negative.mean).float()
    direction = torch.zeros(unembedding.shape[1])  # (H,)
    for start in range(0, len(unembedding), ROWS):
        rows = slice(start, start + ROWS)
        direction += difference[rows] @ unembedding[rows].float().cpu()
    direction = direction * norm_gain(model)
    return statistics.delta * _per_site(model, lambda written: written @ direction)


@ranking("residual")
def residual(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by delta times what the neuron writes along the classes' mean difference behind the final norm."""
    direction = (statistics.positive.normed.mean - statistics.negative.normed.mean).float()
    direction = direction * norm_gain(model)
    return statistics.delta * _per_site(model, lambda written: written @ direction)


@ranking("writers", "layers")
def writers(statistics: NeuronStatistics, model: LanguageModel) -> Float[Tensor, " neurons"]:
    """Score by delta times what the neuron writes along the direction in which the two piles differ.

    The direction r is the unit difference of the classes' mean residual streams behind layer L, three quarters
    of the way through the model. Only neurons of the layers up to L count: those behind it cannot write what
    is read there. The neuron's activation and r are taken at the last token of the prompt, where the model
    has read the request and has written nothing yet.

    score_j = (mean a_j on positive - mean a_j on negative) (W_out[:, j] . r)

    Source: docs/method.md; the direction is that of Arditi et al. (2024, arXiv:2406.11717), section 2.3.
    """
    positive, negative = statistics.positive.layers, statistics.negative.layers
    if positive is None or negative is None:
        raise ValueError("`rank` checks what a ranking needs")
    paths = layer_paths(model)
    last = len(paths) * 3 // 4
    direction = (positive.mean - negative.mean).float().unflatten(0, (len(paths), -1))[last]  # (H,)
    direction = direction / direction.norm().clamp(min=1e-12)
    scores = statistics.delta * _per_site(model, lambda written: written @ direction)
    behind = [place for place, site in enumerate(model.layout.sites) if site.layer > last]
    for place in behind:
        scores[model.layout.span(place)] = 0.0
    return scores


def _per_site(
    model: LanguageModel, measure: Callable[[Float[Tensor, "n hidden"]], Float[Tensor, " n"]]
) -> Float[Tensor, " neurons"]:
    """Apply `measure` to what the neurons of each site write, site by site to save memory."""
    spans = [model.layout.span(site) for site in range(len(model.layout.sites))]
    return torch.cat([measure(output_columns(model, torch.arange(span.start, span.stop))) for span in spans])
