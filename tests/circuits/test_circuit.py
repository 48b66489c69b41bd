"""The algebra of circuits: sets of neurons, with values that stay with their neuron."""

from dataclasses import replace

import pytest
import torch
from steered import DOSES, circuit_of, dosed

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.random import random_circuit
from neuroswitch.errors import BadOption, WrongModel
from neuroswitch.sites.layout import NeuronLayout, Site
from tiny import tiny_llama, tiny_model


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


def random_ids(seed, size=192):
    generator = torch.Generator().manual_seed(seed)
    count = int(torch.randint(0, 40, (1,), generator=generator))
    return torch.randperm(size, generator=generator)[:count].tolist()


def values(circuit: Circuit) -> dict[int, tuple[float, ...]]:
    columns = (circuit.doses, circuit.scores, circuit.positive_mean, circuit.negative_mean)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(circuit.ids.tolist(), rows, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_operators_are_those_of_sets_and_keep_the_left_operands_values(model, seed):
    left, right = random_ids(seed), random_ids(seed + 100)
    a, b = dosed(circuit_of(model, left)), dosed(circuit_of(model, right), (3.0, 7.0))
    assert values(a & b) == {i: values(a)[i] for i in sorted(set(left) & set(right))}
    assert values(a - b) == {i: values(a)[i] for i in sorted(set(left) - set(right))}
    assert values(a | b) == {**values(b), **values(a)}
    assert (a | b).ids.tolist() == sorted(set(left) | set(right))


@pytest.mark.parametrize("seed", range(8))
def test_union_is_made_of_difference_and_intersection(model, seed):
    a, b = circuit_of(model, random_ids(seed)), circuit_of(model, random_ids(seed + 100))
    assert len(a | b) == len(a - b) + len(a & b) + len(b - a)
    assert values((a - b) | (a & b)) == values(a)
    assert a.jaccard(b) == b.jaccard(a)
    assert a.jaccard(a) == 1.0


def test_jaccard_counts_shared_over_all(model):
    assert circuit_of(model, [1, 2, 3]).jaccard(circuit_of(model, [3, 4])) == pytest.approx(1 / 4)
    assert circuit_of(model, [1]).jaccard(circuit_of(model, [2])) == 0.0
    assert circuit_of(model, []).jaccard(circuit_of(model, [])) == 1.0


def test_the_strongest_are_those_of_largest_absolute_score(model):
    circuit = replace(dosed(circuit_of(model, [5, 6, 7])), scores=torch.tensor([1.0, -9.0, 2.0]))
    assert circuit.strongest(2).ids.tolist() == [6, 7]
    assert values(circuit.strongest(10)) == values(circuit)


def test_profile_counts_every_neuron_once(model):
    circuit = circuit_of(model, [0, 63, 64, 130, 191])
    assert circuit.by_layer() == {0: 2, 1: 1, 2: 2}
    assert circuit.fraction == pytest.approx(5 / 192)
    assert [model.layout.flat(neuron) for neuron in circuit.neurons()] == circuit.ids.tolist()


def test_circuits_of_other_axes_are_refused(model):
    other = NeuronLayout((Site(0, "model.layers.0.mlp.down_proj", "dense", 192),))
    stranger = replace(circuit_of(model, [1]), layout=other)
    for operate in (Circuit.__and__, Circuit.__or__, Circuit.__sub__, Circuit.jaccard):
        with pytest.raises(WrongModel, match="192 neurons in . sites and 192 neurons in . sites"):
            operate(circuit_of(model, [1]), stranger)


@pytest.mark.parametrize("ids", [[3, 2], [2, 2], [-1, 2], [2, 192]])
def test_ids_must_be_ascending_unique_and_inside(model, ids):
    with pytest.raises(ValueError, match="neuron ids"):
        replace(circuit_of(model, [0, 1]), ids=torch.tensor(ids))


def test_a_neuron_is_multiplied_by_one_less_strength_times_dose(model):
    circuit = dosed(circuit_of(model, [1, 5, 70, 130]))
    assert circuit.multipliers(1.0).tolist() == torch.tensor([1 - dose for dose in DOSES]).tolist()
    assert circuit.multipliers(0.0).tolist() == [1.0] * 4
    assert circuit_of(model, [1, 5]).multipliers(1.0).tolist() == [0.0, 0.0]
    assert circuit_of(model, [1, 5]).multipliers(-1.0).tolist() == [2.0, 2.0]
    for multiplier in (0.4, 1.7, -3.3, 1e-3):  # exactly the multiplier that was asked for
        assert torch.equal(circuit_of(model, [1]).multipliers(1 - multiplier), torch.tensor([multiplier]))
    with pytest.raises(BadOption, match="finite"):
        circuit.multipliers(float("inf"))


def test_multipliers_by_site_are_those_of_the_circuit(model):
    circuit = dosed(circuit_of(model, [1, 5, 70, 130]))
    found = circuit.site_multipliers(0.5)
    assert [local.tolist() for local, _ in found.values()] == [[1, 5], [6], [2]]
    assert torch.equal(torch.cat([part for _, part in found.values()]), circuit.multipliers(0.5))


def test_random_neurons_are_matched_in_sites_and_doses_and_have_no_evidence(model):
    circuit = dosed(circuit_of(model, [1, 5, 70, 130]))
    one, other = (random_circuit(circuit, seed=seed) for seed in (0, 1))
    assert one.by_layer() == circuit.by_layer()
    assert one.doses.tolist() == circuit.doses.tolist()
    assert not set(one.ids.tolist()) & set(circuit.ids.tolist())
    assert one.ids.tolist() != other.ids.tolist()
    assert one.evidence() == {}
    assert set((one | circuit).evidence()) == set()


@pytest.mark.parametrize("scores", [torch.tensor([1.0]), torch.tensor([1.0, float("nan")])])
def test_every_neuron_needs_finite_values(model, scores):
    with pytest.raises(ValueError, match="finite"):
        replace(circuit_of(model, [0, 1]), scores=scores)


def test_a_circuit_knows_which_neurons_share_their_weights_and_keeps_it_in_its_folder(tmp_path):
    model = tiny_model("zamba2/two blocks")
    width = model.layout.sites[0].width
    circuit = circuit_of(model, [0, 1, width, 3 * width])

    circuit.save(tmp_path / "c")

    assert circuit.sharing() == Circuit.load(tmp_path / "c").sharing() == 4
    assert circuit_of(tiny_llama(), [0, 70]).sharing() == 0
