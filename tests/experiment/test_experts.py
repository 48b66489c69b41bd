"""Circuits in mixtures of experts go through everything that other circuits go through."""

import json
from pathlib import Path

import pytest
import torch
from neuroswitch.experiment.old_settings import RunSettings
from neuroswitch.experiment.run import run

from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.measures.routing import routing_change
from neuroswitch.methods.cna import Scaling, scaled
from neuroswitch.models.handle import LanguageModel
from planted import EXPERT, INDICES, LAYER, planted_moe
from sets import tiny_contrast, write_contrast
from tiny import tiny_model, tiny_module, tiny_tokenizer

LAYOUTS = ["qwen3_moe", "mixtral", "gpt_oss", "llama4_text", "dbrx", "jetmoe", "longcat_flash"]
SHORT = Decoding(max_new_tokens=4)


def found_circuit(model: LanguageModel, count: int = 40) -> Circuit:
    statistics = collect(model, tiny_contrast(), Reading(needs=frozenset()))
    return select(rank(statistics, "delta", model), count)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_circuit_is_found_named_saved_read_back_and_scaled(name: str, tmp_path: Path) -> None:
    model = tiny_model(name)
    circuit = found_circuit(model)
    prompts = tiny_contrast().test.positive

    kinds = {site.path: site for site in model.layout.sites}
    for neuron in circuit.neurons():
        site = kinds[neuron.path]
        assert (neuron.expert is None) == (site.kind == "dense")
        assert neuron.expert is None or neuron.expert < site.experts
    assert any(neuron.expert is not None for neuron in circuit.neurons())

    circuit.save(tmp_path / "circuit")
    again = Circuit.load(tmp_path / "circuit", model)
    assert again.neurons() == circuit.neurons()

    plain = generate(model, prompts, decoding=SHORT)
    with scaled(model, again, 1.0):
        assert generate(model, prompts, decoding=SHORT) == plain
    with scaled(model, again, -30.0):
        assert generate(model, prompts, decoding=SHORT) != plain
    assert generate(model, prompts, decoding=SHORT) == plain


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_main_job_runs_and_reports_the_router(name: str, tmp_path: Path) -> None:
    tiny_module(name).save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    settings = RunSettings(
        model=str(tmp_path / "model"),
        behaviour=str(write_contrast(tmp_path / "asking.jsonl")),
        detector="contains:(?s).*",
        size=30,
        multiplier=-30.0,
        limit=3,
        decoding=Decoding(max_new_tokens=3),
    )

    run(settings, tmp_path / "out")

    said = json.loads((tmp_path / "out" / "summary.json").read_text())["routing"]
    assert said["prompts"] == 3
    assert 0 <= said["unrouted"] <= said["expert_neurons"] <= 30
    for key in ("sets_changed", "top1_changed", "overlap"):
        assert said[key]["n"] == 3
        assert 0 <= said[key]["low"] <= said[key]["value"] <= said[key]["high"] <= 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The router" in page
    assert "chosen at the last token of 3 held-out prompts" in page


# -------------------------------------------------------------------------------------- the router moves


def test_nothing_moves_where_nothing_is_scaled() -> None:
    model = tiny_model("mixtral")
    circuit = found_circuit(model)

    same = routing_change(model, tiny_contrast().test.positive, circuit, Scaling(circuit, 1.0))

    assert same is not None
    assert (same.sets_changed.value, same.top1_changed.value, same.overlap.value) == (0, 0, 1)
    assert set(same.by_layer.values()) == {0}


def test_what_is_counted_is_what_a_loop_counts() -> None:
    from neuroswitch.activations.reading import read_last_token
    from neuroswitch.chat import encode

    model, prompts = tiny_model("qwen3_moe"), tiny_contrast().test.positive
    circuit = found_circuit(model)
    scaling = Scaling(circuit, -30.0)

    def chosen() -> list[list[tuple[set[int], int]]]:
        rows = []
        for prompt in prompts:
            read = read_last_token(model, [encode(model.tokenizer, prompt)])
            routings = [read.routing[site.path] for site in model.layout.sites]
            rows.append(
                [(set(r.experts[0].tolist()), int(r.experts[0, r.weights[0].argmax()])) for r in routings]
            )
        return rows

    before = chosen()
    with scaling.applied(model):
        after = chosen()
    found = routing_change(model, prompts, circuit, scaling)

    pairs = [pair for one, other in zip(before, after, strict=True) for pair in zip(one, other, strict=True)]
    assert found is not None
    assert found.sets_changed.value == pytest.approx(sum(a[0] != b[0] for a, b in pairs) / len(pairs))
    assert found.top1_changed.value == pytest.approx(sum(a[1] != b[1] for a, b in pairs) / len(pairs))
    assert found.overlap.value == pytest.approx(
        sum(len(a[0] & b[0]) / len(a[0]) for a, b in pairs) / len(pairs)
    )
    assert found.sets_changed.value > 0
    assert found.by_layer[0] == 0  # nothing comes before the first router but attention
    used = [set().union(*(row[layer][0] for row in before)) for layer in range(3)]
    assert found.unrouted == sum(neuron.expert not in used[neuron.layer] for neuron in circuit.neurons())


def test_neurons_of_experts_that_no_prompt_reaches_are_counted() -> None:
    planted = planted_moe()
    path = next(site.path for site in planted.model.layout.sites if site.layer == LAYER)
    provenance = found_circuit(tiny_model("mixtral"), 5).provenance
    zeros = torch.zeros(len(INDICES))
    there = Circuit(planted.model.layout, planted.ids, zeros, zeros, zeros, provenance)

    reached = routing_change(planted.model, planted.positive, there, Scaling(there, 0.0))
    missed = routing_change(planted.model, planted.negative, there, Scaling(there, 0.0))

    assert {(neuron.path, neuron.expert) for neuron in there.neurons()} == {(path, EXPERT)}
    assert reached is not None
    assert missed is not None
    assert (reached.expert_neurons, reached.unrouted) == (4, 0)
    assert (missed.expert_neurons, missed.unrouted) == (4, 4)


def test_a_model_without_a_router_has_nothing_to_report() -> None:
    model = tiny_model("llama")
    circuit = found_circuit(model, 5)

    assert routing_change(model, tiny_contrast().test.positive, circuit, Scaling(circuit, 0.0)) is None
