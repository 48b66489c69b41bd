"""Doses with the most benefit for their damage: a quadratic problem in a box.

    maximise  b . s - price / 2 s' F s   with  lowest <= s_j <= highest

s_j is the dose of neuron j (its multiplier is 1 - s_j), b_j what its dose gains to first order, and s' F s / 2 the
*quadratic damage*: the divergence of the changed model from the untouched one on benign answers, nats per token,
to second order. Divergence has no first-order term, because the untouched model is its minimum. F is the Fisher
information of the next token with respect to the doses. It is never formed: F = mean of c c' over probes c,
derivatives of the log-probability of tokens that the model itself draws.

Source: Fisher information as the Hessian of the divergence, and its estimate from the model's own draws,
Martens (2020, arXiv:1412.1193), sections 5 and 9.2; the projected gradient is FISTA with restarts, Beck & Teboulle
(2009), eq. 4.1-4.3, and O'Donoghue & Candes (2015), section 3.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.batching import compatible, in_batches, plan_batches
from neuroswitch.discovery.contribution import Response
from neuroswitch.discovery.effects import BATCH, differentiable_batch, effects_on, log_probability_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent

RIDGE = 0.1
"""What is added to the diagonal of F, as a share of it: probes are fewer than neurons, so F alone calls some
combinations of neurons free."""

STEPS = 5000
"""Steps of the projected gradient at most."""
TOLERANCE = 1e-6
"""Change of a dose in one step, of those of the box, below which the doses are final."""
SMALLEST = 1e-6
LEAST = 1e-12
"""Least damage of a neuron alone, as a share of the largest one's and in nats per token, so that none is free."""


class Box(NamedTuple):
    """Between which bounds doses may lie; 0 is between them."""

    lowest: float
    highest: float


class PrunedDoses(NamedTuple):
    """Doses of the few neurons that gain most.

    Attributes:
        places: Which neurons, ascending.
        doses: A dose for each, none of them 0.
        price: At which the problem was solved.
    """

    places: Int64[Tensor, " k"]
    doses: Float[Tensor, " k"]
    price: float


@dataclass(frozen=True, eq=False)
class Damage:
    """The quadratic damage of doses of some neurons.

    Attributes:
        probes: c of each probe, shape (probes, n), nats per square root of a token.
        ridge: Share of the diagonal that is added to it.
    """

    probes: Float[Tensor, "probes n"]
    ridge: float = RIDGE

    @property
    def alone(self) -> Float[Tensor, " n"]:
        """Twice the damage of dose 1 of each neuron alone, float64."""
        found = self.probes.double().square().mean(0)
        return found.clamp(min=max(SMALLEST * float(found.max()), LEAST))

    def of(self, doses: Float[Tensor, " n"]) -> float:
        """Return the damage of doses, nats per token, without the ridge."""
        return float((self.probes.double() @ doses.double()).square().mean()) / 2

    def among(self, rows: Int64[Tensor, " k"]) -> "Damage":
        """Return the damage of doses of some of the neurons only."""
        return Damage(self.probes[:, rows], self.ridge)


def damage_probes(
    model: LanguageModel,
    responses: Sequence[Response],
    ids: Int64[Tensor, " n"],
    *,
    count: int,
    seed: int = 0,
    progress: Progress = silent,
) -> Float[Tensor, "probes n"]:
    """Draw probes of the divergence on some responses.

    A probe belongs to one response. At each of its T tokens the model draws a token of its own; c is the
    derivative of the sum of their log-probabilities, each with a random sign and divided by the square root of T.
    The mean of (c . s)^2 / 2 over probes then is the mean divergence of a token to second order: terms of two
    different tokens vanish by their signs.

    Args:
        model: The model, untouched, without experts.
        responses: Benign answers; each gets the same number of probes, or one more than others.
        ids: Flat ids of the neurons that may get a dose.
        count: How many probes.
        seed: Of draws and signs; each probe has its own, so that they do not depend on batches.
        progress: Called after each batch.

    Returns:
        c of every probe for the chosen neurons, float32.

    Raises:
        UnsupportedModel: The model has experts.
    """
    drawn = [(responses[place % len(responses)], seed * count + place) for place in range(count)]
    lengths = [len(response.whole) for response, _ in drawn]
    size = min(BATCH, differentiable_batch(model, responses))
    batches = plan_batches(lengths, size, groups=compatible(model, lengths))

    def of_batch(batch: Sequence[tuple[Response, int]]) -> Tensor:
        objective = partial(_random_score, [(len(one.tokens), number) for one, number in batch])
        return effects_on(model, [one for one, _ in batch], objective)[:, ids]

    parts = in_batches(of_batch, drawn, batches, progress=progress, stage="probe the damage")
    found = torch.cat(list(parts))
    order = torch.tensor([row for batch in batches for row in batch]).argsort()
    return found[order]


def least_damage_doses(
    benefit: Float[Tensor, " n"], damage: Damage, price: float, box: Box
) -> Float[Tensor, " n"]:
    """Solve the least-damage problem.

    Args:
        benefit: b, what a dose of 1 gains to first order; of any unit.
        damage: The quadratic damage, its ridge included.
        price: What one nat per token of damage costs, in units of the benefit; above 0.
        box: Between which bounds doses may lie; bounds may be infinite.

    Returns:
        The doses, float32; exactly 0 where a dose of 0 is best.

    Raises:
        ValueError: The price is not above 0, or 0 is not in the box.
    """
    return _solved(benefit, damage, price, box).float()


def pruned_doses(
    benefit: Float[Tensor, " n"], damage: Damage, wanted: float, box: Box, most: int
) -> PrunedDoses:
    """Solve the problem, keep the neurons that gain most, and solve it again for those.

    Args:
        benefit: As for `least_damage_doses`.
        damage: As there.
        wanted: What the doses may cost, nats per token; each time the price is found that leads to it.
        box: As there.
        most: How many neurons may have a dose.

    Returns:
        The neurons whose dose is not 0, at most `most`.

    Raises:
        ValueError: As `price_of`.
    """
    every = least_damage_doses(benefit, damage, price_of(benefit, damage, wanted, box), box)
    kept = (benefit * every).topk(min(most, len(every))).indices.sort().values
    few, left = benefit[kept], damage.among(kept)
    price = price_of(few, left, wanted, box)
    doses = least_damage_doses(few, left, price, box)
    given = doses != 0
    return PrunedDoses(kept[given], doses[given], price)


def price_of(benefit: Float[Tensor, " n"], damage: Damage, wanted: float, box: Box) -> float:
    """Return the price at which the best doses have a wanted damage, if they were not bounded by the box.

    Without bounds other than 0, doses are inversely proportional to the price, and their damage to its square.
    Inside the box doses are smaller, and so is their damage.

    Args:
        benefit: As for `least_damage_doses`.
        damage: As there.
        wanted: Nats per token.
        box: Whether doses may be negative or positive; how far does not count.

    Returns:
        The price; where the best doses cost nothing, one at which they are as large as the box allows.

    Raises:
        ValueError: No neuron has a benefit that the box allows it to give.
    """
    open_box = Box(-torch.inf if box.lowest else 0.0, torch.inf if box.highest else 0.0)
    # the price does not depend on the unit of the benefit
    unit = float(benefit.abs().max() / damage.alone.max().sqrt())
    doses = _solved(benefit, damage, unit, open_box) if unit else benefit
    if not doses.any():
        raise ValueError("no neuron has a benefit that the box allows it to give")
    found = damage.of(doses)
    return unit * (found / wanted) ** 0.5 if found else unit


def _solved(benefit: Tensor, damage: Damage, price: float, box: Box) -> Tensor:
    """Return the doses in float64, which holds those of a box without bounds."""
    if not price > 0:
        raise ValueError(f"a price must be above 0, not {price}")
    if not box.lowest <= 0 <= box.highest:
        raise ValueError(f"a box of doses must hold 0, not {box}")
    # in units of the neurons' own damage the diagonal is 1, which needs fewer steps
    scale = damage.alone.sqrt()
    probes, gain = damage.probes.double() / scale, benefit.double() / scale
    lowest, highest = box.lowest * scale, box.highest * scale
    steepest = price * (float(torch.linalg.matrix_norm(probes, 2)) ** 2 / len(probes) + damage.ridge)
    final = TOLERANCE * float(gain.abs().max()) / steepest
    now = ahead = torch.zeros_like(gain)
    speed = 1.0
    for _ in range(STEPS):
        uphill = gain - price * (probes.T @ (probes @ ahead) / len(probes) + damage.ridge * ahead)
        new = (ahead + uphill / steepest).clamp(lowest, highest)
        step = new - now
        if float(uphill @ step) < 0:  # it overshot: start again from here
            speed = 1.0
        faster = (1 + (1 + 4 * speed**2) ** 0.5) / 2
        ahead, now = new + (speed - 1) / faster * step, new
        speed = faster
        if float(step.abs().max()) <= final:
            break
    return now / scale


def _random_score(draws: Sequence[tuple[int, int]], log_p: Float[Tensor, "rows vocabulary"]) -> Tensor:
    """Return the sum of the log-probabilities of drawn tokens with random signs; `draws` are (tokens, seed)."""
    targets, weights = [], []
    for rows, (length, seed) in zip(
        log_p.detach().exp().cpu().split([length for length, _ in draws]), draws, strict=True
    ):
        generator = torch.Generator().manual_seed(seed)
        targets.append(torch.multinomial(rows, 1, generator=generator)[:, 0])
        signs = torch.randint(0, 2, (length,), generator=generator) * 2 - 1
        weights.append(signs / length**0.5)
    return log_probability_of(torch.cat(targets), torch.cat(weights), log_p)
