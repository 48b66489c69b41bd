"""Doses from the least-damage problem: another solver, the measured divergence, the box, the budget."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear, minimize

from neuroswitch.activations import differentiable_log_probabilities, scaled_neurons
from neuroswitch.chat import encode
from neuroswitch.discovery import least_damage as module
from neuroswitch.discovery.contribution import Response
from neuroswitch.discovery.least_damage import (
    Box,
    Damage,
    damage_probes,
    least_damage_doses,
    price_of,
    pruned_doses,
)
from sets import prompts
from tiny import tiny_llama


def _problem(seed: int, n: int = 30, probes: int = 12) -> tuple[torch.Tensor, Damage]:
    """Make a problem whose neurons differ in size by orders of magnitude."""
    generator = torch.Generator().manual_seed(seed)
    sizes = 10 ** (2 * torch.rand(n, generator=generator) - 1)
    common = torch.randn(probes, 1, generator=generator)
    made = (torch.randn(probes, n, generator=generator) + common) * sizes
    return torch.randn(n, generator=generator) * sizes, Damage(made)


def _matrix(damage: Damage) -> np.ndarray:
    made = damage.probes.double()
    return (made.T @ made / len(made) + damage.ridge * damage.alone.diag()).numpy()


@pytest.mark.parametrize("box", [Box(0, 2), Box(-1, 3), Box(0, math.inf)])
@pytest.mark.parametrize("price", [0.05, 1.0, 20.0])
def test_the_doses_are_those_of_scipy(price: float, box: Box) -> None:
    for seed in range(3):
        benefit, damage = _problem(seed)
        matrix, gain = _matrix(damage), benefit.double().numpy()
        root = np.linalg.cholesky(price * matrix).T  # |root s - y|^2 / 2 is the problem up to a constant
        y = np.linalg.solve(root.T, gain)
        expected = lsq_linear(root, y, (box.lowest, box.highest), tol=1e-14).x

        found = least_damage_doses(benefit, damage, price, box)

        assert float(found.min()) >= box.lowest and float(found.max()) <= box.highest
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
        if math.isfinite(box.highest):
            other = minimize(
                lambda s: price / 2 * s @ matrix @ s - gain @ s,  # noqa: B023
                np.zeros(len(gain)),
                jac=lambda s: price * matrix @ s - gain,  # noqa: B023
                method="L-BFGS-B",
                bounds=[box] * len(gain),
            )
            doses = found.double().numpy()
            value = price / 2 * doses @ matrix @ doses - gain @ doses
            assert value <= other.fun + 1e-6 * abs(other.fun)


def test_without_benefit_there_is_no_dose() -> None:
    _, damage = _problem(0)
    assert not least_damage_doses(torch.zeros(30), damage, 1.0, Box(0, 2)).any()
    against = -torch.ones(30)
    alone = Damage(torch.eye(30))  # neurons that do not depend on each other
    assert not least_damage_doses(against, alone, 1.0, Box(0, 2)).any()
    with pytest.raises(ValueError, match="no neuron has a benefit"):
        price_of(torch.zeros(30), damage, 0.1, Box(0, 2))
    with pytest.raises(ValueError, match="no neuron has a benefit"):
        price_of(against, alone, 0.1, Box(0, 2))


def test_wrong_boxes_and_prices_are_refused() -> None:
    benefit, damage = _problem(0)
    with pytest.raises(ValueError, match="must hold 0"):
        least_damage_doses(benefit, damage, 1.0, Box(0.5, 2))
    with pytest.raises(ValueError, match="above 0"):
        least_damage_doses(benefit, damage, 0.0, Box(0, 2))


def test_neurons_that_cost_nothing_go_to_the_bound_and_no_further() -> None:
    probes = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    probes[:, 1] = 0
    doses = least_damage_doses(torch.ones(3), Damage(probes), 1.0, Box(0, 2))
    assert float(doses[1]) == 2
    free = Damage(torch.zeros(2, 2))
    assert least_damage_doses(torch.tensor([1.0, 0.0]), free, 1.0, Box(0, 2)).tolist() == [2, 0]
    assert pruned_doses(torch.tensor([1.0, 0.5]), free, 0.1, Box(0, 2), 2).doses.tolist() == [2, 2]


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_a_price_buys_the_wanted_damage_in_any_unit_of_the_benefit(unit: float) -> None:
    benefit, damage = _problem(1)
    for wanted in (1e-4, 0.1):
        price = price_of(unit * benefit, damage, wanted, Box(0, 2))
        doses = least_damage_doses(unit * benefit, damage, price, Box(0, math.inf))
        assert damage.of(doses) == pytest.approx(wanted, rel=1e-3)
        assert damage.of(least_damage_doses(unit * benefit, damage, price, Box(0, 2))) <= wanted * 1.001


def test_pruning_keeps_the_neurons_that_gain_most_and_solves_again() -> None:
    benefit, damage = _problem(2)
    every = least_damage_doses(benefit, damage, price_of(benefit, damage, 0.02, Box(0, 2)), Box(0, 2))
    kept, doses, price = pruned_doses(benefit, damage, 0.02, Box(0, 2), 4)

    assert set(kept.tolist()) <= set((benefit * every).topk(4).indices.tolist())
    assert bool((doses > 0).all()) and len(kept) == len(doses) <= 4
    again = least_damage_doses(benefit[kept], damage.among(kept), price, Box(0, 2))
    torch.testing.assert_close(doses, again)
    assert float(doses.max()) < 2 and damage.among(kept).of(doses) == pytest.approx(0.02, rel=1e-3)


def test_the_quadratic_damage_is_the_measured_divergence_of_small_doses() -> None:
    model = tiny_llama()
    responses = [
        Response(encode(model.tokenizer, prompt), list(range(20, 20 + length)))
        for prompt, length in zip(prompts("help me"), (2, 5, 3), strict=False)
    ]
    ids = torch.arange(model.layout.size)
    probes = damage_probes(model, responses, ids, count=1200)
    generator = torch.Generator().manual_seed(3)
    model.module.double()

    def measured(doses: torch.Tensor) -> float:
        found = []
        for one in responses:
            states = []
            for multipliers in (torch.ones(len(ids)), 1 - doses):
                with scaled_neurons(model, ids, multipliers), torch.no_grad():
                    log_p = differentiable_log_probabilities(model, [one.whole], [one.positions])
                states.append(log_p.double())
            before, after = states
            found.append(float((before.exp() * (before - after)).sum(-1).mean()))
        return sum(found) / len(found)

    for _ in range(3):
        doses = 0.05 * torch.randn(len(ids), generator=generator)
        assert Damage(probes).of(doses) == pytest.approx(measured(doses), rel=0.12)


def test_probes_depend_on_the_seed_and_not_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    responses = [
        Response(encode(model.tokenizer, prompt), list(range(20, 20 + length)))
        for prompt, length in zip(prompts("write"), (3, 1, 6), strict=False)
    ]
    ids = torch.tensor([3, 50, 51, 190])
    first = damage_probes(model, responses, ids, count=10)
    monkeypatch.setattr(module, "differentiable_batch", lambda model, responses: 1)

    assert first.shape == (10, 4)
    torch.testing.assert_close(damage_probes(model, responses, ids, count=10), first, rtol=1e-3, atol=1e-8)
    assert not torch.allclose(damage_probes(model, responses, ids, count=10, seed=1), first)
