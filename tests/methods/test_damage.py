"""Damage while methods are chosen: two routes to the divergence, and strengths that meet a limit."""

import pytest
import torch
from torch import Tensor

from neuroswitch.circuits import Circuit
from neuroswitch.discovery import Response, select
from neuroswitch.measures.kl import divergences
from neuroswitch.methods.cna import Scaling
from neuroswitch.methods.damage import CLOSE, READINGS, STRONGEST, BenignAnswers, strength_at
from planted_task import firm, task_of

RESPONSES = [Response([5, 6, 7, 8], [11, 12]), Response([5, 9, 9, 9, 9], [13, 14, 15])]


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    return select(task_of(PLANTED).scores(PLANTED.model), 4)


PLANTED = firm()


def test_the_divergence_is_that_of_a_naive_loop(circuit: Circuit) -> None:
    answers = BenignAnswers.of(PLANTED.model, RESPONSES)
    change = Scaling(circuit, 1.5)

    def logits(one: Response) -> Tensor:
        with torch.no_grad():
            return PLANTED.model.module(torch.tensor([one.whole])).logits[0, len(one.prompt) - 1 : -1]

    before = [logits(one) for one in RESPONSES]
    with change.applied(PLANTED.model):
        after = [logits(one) for one in RESPONSES]
    expected = divergences(before, after)
    assert answers.kl(PLANTED.model, change) == pytest.approx(sum(expected) / len(expected), rel=1e-3)
    assert answers.kl(PLANTED.model, Scaling(circuit, 0.0)) == pytest.approx(0, abs=1e-6)
    assert answers.part([1]).kl(PLANTED.model, change) == pytest.approx(expected[1], rel=1e-3)


@pytest.mark.parametrize(("scale", "power"), [(0.02, 2.0), (0.3, 2.0), (0.01, 1.2), (5.0, 3.0)])
def test_the_strength_of_a_power_law_meets_the_limit(scale: float, power: float) -> None:
    asked: list[float] = []

    def damage(strength: float) -> float:
        asked.append(strength)
        return scale * strength**power

    found = strength_at(damage, 0.03)
    assert len(asked) <= READINGS
    assert damage(found) <= (1 + CLOSE) * 0.03
    assert damage(found) > 0.02 or found == STRONGEST


def test_damage_above_the_limit_everywhere_gives_the_weakest_strength_tried() -> None:
    found = strength_at(lambda strength: 1.0 + strength, 0.03)
    assert found < 1


def test_no_damage_gives_the_strongest() -> None:
    assert strength_at(lambda strength: 0.0, 0.03) == STRONGEST
