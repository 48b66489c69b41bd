"""Streaming mean and variance of every neuron, per class: memory grows with the model, not the prompts.

Moments are kept in float64 whatever the model's dtype and merge exactly up to rounding of
that type, so batches, orders and processes give the same numbers.

Source of the update: Chan, Golub & LeVeque (1983), eq. 1.5.
"""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from neuroswitch.errors import BadPrompts
from neuroswitch.models import ModelIdentity
from neuroswitch.provenance import Found
from neuroswitch.sites import NeuronLayout


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and sum of squared deviations of a vector.

    Attributes:
        count: How many vectors were added.
        mean: Their mean, shape (width,), float64.
        m2: Sum of squared deviations from the mean, shape (width,), float64.
    """

    count: int
    mean: Float[Tensor, " width"]
    m2: Float[Tensor, " width"]

    @staticmethod
    def of(values: Float[Tensor, "rows width"]) -> "Moments":
        """Summarise the rows of a matrix."""
        wide = values.double()
        mean = wide.mean(0)
        return Moments(len(wide), mean, (wide - mean).square_().sum(0))

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both collections together; associative and commutative."""
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        m2 = self.m2 + other.m2 + step.square() * (self.count * other.count / count)
        return Moments(count, mean, m2)

    def variance(self) -> Float[Tensor, " width"]:
        """Return the unbiased variance, shape (width,).

        Raises:
            BadPrompts: Fewer than two prompts were read.
        """
        if self.count < 2:
            raise BadPrompts(
                "a spread needs at least two prompts in each class",
                found=f"{self.count}",
                do="add prompts, or choose the ranking 'delta', which uses means only",
            )
        return self.m2 / (self.count - 1)


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Statistics of one class of prompts at the token that was read.

    Attributes:
        neurons: Every neuron, width = `layout.size`, activation units.
        normed: The final residual stream after the final norm, which the LM head reads, width = hidden.
        next_token: Probability of every token to come next, width = vocabulary; None if it was not asked for.
        layers: The residual stream behind every layer, one after the other, width = layers * hidden; None if
            it was not asked for.
    """

    neurons: Moments
    normed: Moments
    next_token: Moments | None
    layers: Moments | None

    def merge(self, other: "ClassStatistics") -> "ClassStatistics":
        """Return the statistics of both collections together."""
        return ClassStatistics(
            self.neurons.merge(other.neurons),
            self.normed.merge(other.normed),
            _both(self.next_token, other.next_token),
            _both(self.layers, other.layers),
        )


def _both(one: Moments | None, other: Moments | None) -> Moments | None:
    return one.merge(other) if one and other else None


@dataclass(frozen=True, eq=False)
class Contribution:
    """What neurons contribute to responses, directly or in all, nats per token, width = `layout.size`.

    Attributes:
        positive: To responses that show the behaviour.
        negative: To the answers to negative prompts.
    """

    positive: Moments
    negative: Moments

    @property
    def difference(self) -> Float[Tensor, " neurons"]:
        """Return the difference of the means, float32."""
        return (self.positive.mean - self.negative.mean).float()


@dataclass(frozen=True, eq=False)
class NeuronStatistics:
    """Statistics of a model's neurons on a contrast set: all that a ranking needs besides the weights.

    Attributes:
        layout: The flat neuron axis.
        positive: The prompts that show the behaviour.
        negative: The prompts that do not.
        universal: Neurons active whatever the prompt, shape (neurons,).
        model: Identity of the model.
        contrast: Name of the contrast set.
        prompts_sha256: Its content hash.
        found: System prompt, thinking mode, the tokens that were read, and digests of the prompts.
        contribution: What neurons contribute to responses directly; None if it was not asked for.
        total_effect: What they contribute to responses through all paths; None if it was not asked for.
    """

    layout: NeuronLayout
    positive: ClassStatistics
    negative: ClassStatistics
    universal: Bool[Tensor, " neurons"]
    model: ModelIdentity
    contrast: str
    prompts_sha256: str
    found: Found
    contribution: Contribution | None = None
    total_effect: Contribution | None = None

    @property
    def delta(self) -> Float[Tensor, " neurons"]:
        """Return the mean over positives minus the mean over negatives, float32 (paper, step 3)."""
        return (self.positive.neurons.mean - self.negative.neurons.mean).float()
