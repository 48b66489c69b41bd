"""Gate neurons: the score is that of a naive loop, the planted neuron is found, constants are kept."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neuroswitch.activations import read_neurons
from neuroswitch.chat import encode
from neuroswitch.circuits import Circuit, export
from neuroswitch.errors import BadCircuit, BadRun, UnsupportedModel, WeakBehaviour
from neuroswitch.methods import Fitted, FittedCircuit, Task, get_method
from neuroswitch.methods.differences import closing_tokens, tokens_of
from neuroswitch.methods.fitted import FittedChange
from neuroswitch.methods.gate_scores import GateScores, gate_scores
from neuroswitch.methods.pinned import anchoring, pinning
from neuroswitch.progress import silent
from planted import LAYER, Planted, planted_moe
from planted_task import task_of


@pytest.fixture(scope="module")
def scores(planted: Planted, task: Task) -> GateScores:
    return gate_scores(planted.model, task, [planted.target], progress=silent)


def change_of(fitted: Fitted) -> FittedChange:
    assert isinstance(fitted, FittedChange)
    return fitted


def fit(name: str, planted: Planted, task: Task) -> Fitted:
    return get_method(name).fit(planted.model, task, progress=silent)


def naive(planted: Planted, task: Task, last: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return mean gradients and mean activations (last, neurons) of each pile, prompt by prompt."""
    model, gradients, activations = planted.model, [], []
    for pile in task.contrast.discovery:
        g, a = [], []
        for ids in tokens_of(model, pile, task):
            seen: list[torch.Tensor] = []

            def keep(module: object, given: tuple[torch.Tensor], seen: list[torch.Tensor] = seen) -> None:
                given[0].retain_grad()
                seen.append(given[0])

            layers = [model.module.get_submodule(path) for path in model.layout.paths]
            handles = [layer.register_forward_pre_hook(keep) for layer in layers]
            embedded = model.module.get_input_embeddings()(torch.tensor([ids])).detach().requires_grad_()
            likely = model.module(inputs_embeds=embedded).logits[0, -1].softmax(-1)[planted.target]
            (-(likely / (1 - likely)).log()).backward()
            for handle in handles:
                handle.remove()
            g.append(torch.cat([one.grad[0, -last:] for one in seen], -1))  # type: ignore[index]
            a.append(torch.cat([one[0, -last:].detach() for one in seen], -1))
        gradients.append(torch.stack(g).mean(0))
        activations.append(torch.stack(a).mean(0))
    return gradients, activations


def test_the_score_is_that_of_a_naive_loop(planted: Planted, task: Task, scores: GateScores) -> None:
    prompts = [prompt for pile in task.contrast.discovery for prompt in pile]
    last = closing_tokens(tokens_of(planted.model, prompts, task))
    assert last > 1

    (g_positive, g_negative), (a_positive, a_negative) = naive(planted, task, last)
    value, place = ((g_positive + g_negative) * (a_negative - a_positive)).max(0)

    at = place[None]
    kept = a_positive.gather(0, at)[0].abs() >= a_negative.gather(0, at)[0].abs()
    kept[planted.model.layout.span(2)] = False  # the last third of three layers
    clear = kept & (value.abs() > 1e-4)
    assert int(clear.sum()) > 8
    torch.testing.assert_close(scores.value[clear], value[clear], rtol=1e-3, atol=1e-5)
    # of two equally good tokens either may be the best, so only clear ones are compared
    sure = scores.best(4)
    assert torch.equal(scores.token[sure], place[sure] - last)
    torch.testing.assert_close(scores.positive[sure], a_positive.gather(0, at)[0][sure], rtol=1e-4, atol=1e-5)
    assert float(scores.value[planted.model.layout.span(2)].abs().max()) == 0


def test_the_spread_is_that_of_both_piles_and_the_last_token_has_its_means(
    planted: Planted, task: Task, scores: GateScores
) -> None:
    read = [
        read_neurons(planted.model, [encode(planted.model.tokenizer, prompt) for prompt in pile])
        for pile in task.contrast.discovery
    ]
    assert scores.token[planted.ids].tolist() == [-1] * 4
    both = torch.cat(read)[:, planted.ids]
    torch.testing.assert_close(scores.spread[planted.ids], both.std(0, correction=0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores.last, torch.stack([one.mean(0) for one in read]), rtol=1e-4, atol=1e-5)


def test_the_planted_neurons_score_best_and_one_of_them_is_enough(
    planted: Planted, task: Task, scores: GateScores
) -> None:
    assert set(scores.best(4).tolist()) == set(planted.ids.tolist())

    for name in ("gate", "gate:anchor"):
        found = change_of(fit(name, planted, task))
        (neuron,), (value,) = found.tensors["ids"].tolist(), found.tensors["values"].tolist()
        assert neuron in planted.ids.tolist() and value < 0
        index = planted.model.layout.locate([neuron])[0].index
        assert f"neuron {LAYER}:{index} to {value:.4g} (layer:index;" in found.description


@pytest.mark.parametrize("count", [1, 3])
def test_a_scaled_gate_has_its_constant_on_the_average_positive_prompt(
    count: int, planted: Planted, task: Task, scores: GateScores, tmp_path: Path
) -> None:
    fitted = fit("gate:scale" if count == 1 else f"gate:scale:{count}", planted, task)
    assert isinstance(fitted, FittedCircuit)
    circuit = fitted.circuit

    assert len(circuit) == count and set(circuit.ids.tolist()) <= set(planted.ids.tolist())
    reached = circuit.multipliers(1.0) * scores.positive[circuit.ids]
    multiples = reached.abs() / scores.spread[circuit.ids]
    assert all(min(abs(one - known) for known in (2, 4, 8, 16, 32)) < 1e-3 for one in multiples.tolist())
    assert circuit.provenance.ranking == "gate" and circuit.scores is not None
    fitted.save(tmp_path / "fit")
    assert Circuit.load(tmp_path / "fit", planted.model).doses.equal(circuit.doses)
    assert export(circuit, planted.model, "ia3", tmp_path / "ia3").exists()


def test_a_pin_has_no_export_and_says_so(planted: Planted, task: Task, tmp_path: Path) -> None:
    fit("cna-pinned", planted, task).save(tmp_path / "fit")

    with pytest.raises(BadCircuit, match="pinned"):
        Circuit.load(tmp_path / "fit")


def test_a_pinned_circuit_is_the_circuit_at_its_negative_means(planted: Planted, task: Task) -> None:
    circuit = fit("cna", planted, task).circuit  # type: ignore[attr-defined]

    for name, ranking in (("cna-pinned", task.ranking), ("cna-pinned:next_token", "next_token")):
        fitted = change_of(fit(name, planted, task))
        assert set(fitted.tensors["ids"].tolist()) == set(planted.ids.tolist())
        assert f"{ranking!r}" in fitted.description
    plain = change_of(fit("cna-pinned", planted, task))
    assert torch.equal(plain.tensors["values"], circuit.negative_mean)


def test_a_saved_pin_of_neurons_that_do_not_exist_is_refused(planted: Planted, tmp_path: Path) -> None:
    one, ids = torch.ones(1), torch.tensor([planted.model.layout.size])
    pinning(planted.model, ids, one, "gate").save(tmp_path / "outside")
    pinning(planted.model, torch.tensor([4, 4]), torch.ones(2), "gate").save(tmp_path / "twice")
    anchoring(planted.model, (torch.tensor([4]), one, torch.ones(2)), "gate:anchor").save(tmp_path / "gaps")

    for folder, name in (("outside", "gate"), ("twice", "gate"), ("gaps", "gate:anchor")):
        with pytest.raises(BadRun):
            get_method(name).load(tmp_path / folder, planted.model)


def test_where_no_neuron_works_against_the_behaviour_nothing_is_fitted(planted: Planted, task: Task) -> None:
    with pytest.raises(WeakBehaviour, match="too few neurons"):
        fit("gate:scale:190", planted, task)


@pytest.mark.parametrize("name", ["gate", "gate:scale", "cna-pinned"])
def test_experts_are_refused(name: str) -> None:
    planted = planted_moe()
    with pytest.raises(UnsupportedModel, match="experts"):
        fit(name, planted, replace(task_of(planted), ranking="delta"))
