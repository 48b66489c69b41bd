"""The method `cna-doses`: the planted behaviour ends at less damage, within the budget and the box."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neuroswitch.answering.generation import generate
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.discovery.least_damage import Damage
from neuroswitch.errors import BadPrompts, UnsupportedModel
from neuroswitch.methods import doses as module
from neuroswitch.methods.base import Known, Task, get_method
from neuroswitch.methods.cna import FittedCircuit, selected
from neuroswitch.methods.doses import BOX, DAMAGES, dosed_circuits
from neuroswitch.progress import silent
from planted import Planted, planted_moe
from planted_task import task_of, unsure


@pytest.fixture(scope="module")
def planted() -> Planted:
    return unsure()


@pytest.fixture(scope="module")
def task(planted: Planted) -> Task:
    return replace(task_of(planted), size=3, ranking="delta_effect")


@pytest.fixture(scope="module")
def circuit(planted: Planted, task: Task) -> Circuit:
    return _fit(planted, task).circuit


def _fit(planted: Planted, task: Task, name: str = "cna-doses") -> FittedCircuit:
    fitted = get_method(name).fit(planted.model, task, progress=silent)
    assert isinstance(fitted, FittedCircuit)
    return fitted


def _rate(planted: Planted, task: Task) -> float:
    answers = generate(planted.model, task.contrast.test.positive, decoding=task.decoding)
    return sum(task.shows(one.text, one.prompt) for one in answers) / len(answers)


def test_it_ends_the_planted_behaviour_within_budget_and_box(
    planted: Planted, task: Task, circuit: Circuit
) -> None:
    fitted = FittedCircuit(circuit)
    assert _rate(planted, task) == 1
    with fitted.at(1.0).applied(planted.model):
        assert _rate(planted, task) == 0
    assert 0 < len(circuit) <= 3
    assert set(circuit.ids.tolist()) <= set(planted.ids.tolist())
    assert 0 < float(circuit.doses.min()) and float(circuit.doses.max()) <= module.STRONGEST * BOX.highest


def test_the_circuit_says_how_its_doses_came_about(task: Task, circuit: Circuit) -> None:
    said = circuit.provenance.arguments
    assert said["box"] == [0.0, 2.0] and said["seed"] == 0 and said["probes"] == module.PROBES
    assert said["wanted_damage"] in DAMAGES
    assert said["round"] in (1, 2)
    assert isinstance(said["price"], float) and said["price"] > 0
    description = FittedCircuit(circuit).description
    assert "1 - strength x " in description and "6 validation prompts: rate 0.00" in description
    assert "12 benign answers" in description
    assert len(circuit.provenance.found.prompts) == 36  # type: ignore[union-attr]


def test_equal_fits_are_equal_files_and_read_back(
    planted: Planted, task: Task, circuit: Circuit, tmp_path: Path
) -> None:
    FittedCircuit(circuit).save(tmp_path / "first")
    _fit(unsure(), task, "cna-doses:delta_effect").save(tmp_path / "second")
    first, second = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())}
        for name in ("first", "second")
    )
    assert first == second
    loaded = get_method("cna-doses").load(tmp_path / "first", planted.model)
    assert torch.equal(loaded.circuit.doses, circuit.doses)  # type: ignore[attr-defined]


def test_more_damage_buys_larger_doses_and_dearer_neurons_get_smaller_ones(
    planted: Planted, task: Task
) -> None:
    pool = selected(task.scores(planted.model), 4)
    generator = torch.Generator().manual_seed(0)
    probes = torch.randn(200, 4, generator=generator) * torch.tensor([1.0, 1.0, 1.0, 3.0])
    circuits = dosed_circuits(pool, torch.ones(4), Damage(probes), 4)

    sums = [float(one.doses.sum()) for one in circuits]
    assert sums == sorted(sums) and sums[0] < sums[-1]
    first = circuits[0]
    assert first.doses.argmin() == 3 and float(first.doses[3]) < 0.3 * float(first.doses[0])
    assert first.provenance.arguments["predicted_damage"] == pytest.approx(DAMAGES[0], rel=0.01)


def test_without_benign_answers_there_is_nothing_to_keep(planted: Planted, task: Task) -> None:
    shows = replace(
        task, shows=lambda answer, prompt: True, known=Known({"delta_effect": task.scores(planted.model)})
    )
    with pytest.raises(BadPrompts, match="every negative discovery prompt"):
        _fit(planted, shows)


def test_the_second_round_sees_what_the_first_circuit_has_left(
    planted: Planted, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranking is made to see two planted neurons only, so that the other two are left."""
    scores, two = task.scores(planted.model), planted.ids[:2]
    value = torch.full_like(scores.value, 1e-6)
    value[two] = 1
    blind = replace(task, size=4, known=Known({"delta_effect": replace(scores, value=value)}))
    measured = []
    real = module.dosed_circuits

    def kept(pool, benefit, *rest, **named):  # type: ignore[no-untyped-def]
        measured.append(benefit)
        return real(pool, benefit, *rest, **named)

    monkeypatch.setattr(module, "dosed_circuits", kept)
    _fit(planted, blind)
    first, second = measured
    pool = selected(blind.scores(planted.model), len(first)).ids
    assert set(pool[first.topk(2).indices].tolist()) == set(two.tolist())
    assert set(pool[second.topk(4).indices].tolist()) == set(planted.ids.tolist())


def test_experts_are_refused() -> None:
    planted = planted_moe()
    with pytest.raises(UnsupportedModel, match="experts"):
        _fit(planted, replace(task_of(planted), ranking="delta_effect"))
