"""Learned doses on a planted circuit."""

from dataclasses import replace

import pytest
import torch

from neuroswitch.answering import generate_tokens
from neuroswitch.discovery import select
from neuroswitch.errors import WeakBehaviour
from neuroswitch.methods.base import Task
from neuroswitch.methods.cna import Scaling
from neuroswitch.methods.differences import tokens_of
from neuroswitch.methods.learned import START, gather_lessons, learn_doses, learned
from neuroswitch.progress import silent
from planted import Planted


def test_lessons_are_the_models_own_answers(planted: Planted, task: Task) -> None:
    model, circuit = planted.model, select(task.scores(planted.model), 4)
    lessons = gather_lessons(model, task, task.contrast.discovery, circuit)

    said = [model.tokenizer.decode(pair.shows.tokens) for pair in lessons.preferences]
    others = [model.tokenizer.decode(pair.shows_not.tokens) for pair in lessons.preferences]
    assert said and all("sorry" in one for one in said)
    assert not any("sorry" in one for one in others)
    assert len(lessons.benign.responses) == len(task.contrast.discovery.negative)


def test_doses_move_where_the_behaviour_is_planted_and_the_loss_falls(planted: Planted, task: Task) -> None:
    model = planted.model
    scores = task.scores(model)
    circuit = select(scores, 12)
    lessons = gather_lessons(model, task, task.contrast.discovery, circuit.dosed(2))
    checks = gather_lessons(model, task, task.contrast.validation, circuit.dosed(2))
    taught = learn_doses(model, circuit.dosed(0.1), lessons, checks)

    own = torch.isin(taught.ids, torch.tensor(planted.ids.tolist()))
    assert taught.doses[own].mean() > taught.doses[~own].abs().mean()
    with Scaling(taught, 1.0).applied(model):
        ids = tokens_of(model, task.contrast.test.positive, task)
        answers = generate_tokens(model, ids, task.decoding)
    assert not any("sorry" in model.tokenizer.decode(answer) for answer in answers)


def test_equal_seeds_learn_equal_doses_and_nothing_stays_in_the_model(planted: Planted, task: Task) -> None:
    before = {name: value.clone() for name, value in planted.model.module.state_dict().items()}
    one, other = (learned(planted.model, replace(task, known=None), silent) for _ in range(2))
    assert torch.equal(one.ids, other.ids) and torch.equal(one.doses, other.doses)
    assert all(torch.equal(value, before[name]) for name, value in planted.model.module.state_dict().items())
    assert len(one) <= task.size
    assert one.doses.abs().max() != START


def test_without_two_kinds_of_answers_there_is_nothing_to_learn(planted: Planted, task: Task) -> None:
    circuit = select(task.scores(planted.model), 4)
    always = replace(task, shows=lambda answer, prompt: True)
    with pytest.raises(WeakBehaviour, match="cannot be learned"):
        gather_lessons(planted.model, always, task.contrast.discovery, circuit)
