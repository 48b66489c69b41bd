"""What methods are tuned by: differences of means as a naive loop computes them, screening, trials."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import pytest
import torch

from neuroswitch.activations.changes import added, layer_paths
from neuroswitch.chat import encode
from neuroswitch.methods.base import Known, Task
from neuroswitch.methods.differences import closing_tokens, mean_differences
from neuroswitch.methods.tuning import attempt, opening_odds, screen, validation_of
from neuroswitch.models.handle import LanguageModel
from neuroswitch.progress import silent
from planted import ANSWER, Planted


@dataclass(frozen=True)
class Push:
    """Add to the planted answer's coordinate behind the last layer."""

    size: float
    name: str = "push"

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        return added(model, {layer_paths(model)[-1]: self.size * torch.eye(32)[ANSWER]})


def test_the_untouched_answers_are_shared_where_that_is_asked_for(planted: Planted, task: Task) -> None:
    sharing = replace(task, known=Known())
    one, other = (validation_of(planted.model, sharing, progress=silent) for _ in range(2))
    assert one is other
    assert validation_of(planted.model, task, progress=silent) is not one


def test_differences_of_means_are_those_of_a_naive_loop(planted: Planted, task: Task) -> None:
    model = planted.model
    paths = layer_paths(model)

    found = mean_differences(model, task, paths, 2, progress=silent)

    means = []
    for pile in task.contrast.discovery:
        streams = []
        for prompt in pile:
            ids = torch.tensor([encode(model.tokenizer, prompt)])
            with torch.no_grad():
                states = model.module(ids, output_hidden_states=True).hidden_states
            # the last of them is behind the final norm, so it is left out
            streams.append(torch.stack([state[0, -2:] for state in states[1:-1]], dim=1))
        means.append(torch.stack(streams).mean(0))
    assert found.shape == (2, 3, 32)
    torch.testing.assert_close(found[:, :2], means[0] - means[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([[1, 2, 9, 7, 8], [1, 3, 7, 8]], 2),
        ([[1, 2], [1, 3]], 1),
        ([[5, 7, 7], [5, 7, 7, 7]], 1),
        ([[4], [4]], 1),
    ],
)
def test_closing_tokens_are_those_of_the_template(rows: list[list[int]], count: int) -> None:
    assert closing_tokens(rows) == count


def test_the_opening_tokens_of_the_behaviour_are_found(planted: Planted, task: Task) -> None:
    validation = validation_of(planted.model, task, progress=silent)

    assert validation.openings == (planted.target,)
    assert validation.baseline.rate == 1
    assert opening_odds(planted.model, validation, validation.positive) > 3
    assert opening_odds(planted.model, validation, validation.negative) < -3


def test_screening_sees_the_behaviour_and_the_damage(planted: Planted, task: Task) -> None:
    validation = validation_of(planted.model, task, progress=silent)

    odds, kl = screen(planted.model, validation, Push(0.0))
    less, _ = screen(planted.model, validation, Push(-15.0))
    _, damage = screen(planted.model, validation, Push(15.0))

    assert odds == pytest.approx(opening_odds(planted.model, validation, validation.screened))
    assert kl == pytest.approx(0, abs=1e-6)
    assert less < odds
    assert damage > 1


def test_a_trial_judges_answers_in_the_changed_state(planted: Planted, task: Task) -> None:
    validation = validation_of(planted.model, task, progress=silent)

    assert attempt(planted.model, task, validation, Push(0.0)) == validation.baseline
    assert attempt(planted.model, task, validation, Push(-15.0)).rate == 0
