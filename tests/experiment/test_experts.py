"""Circuits in mixtures of experts go through everything that other circuits go through."""

from pathlib import Path
from statistics import fmean

import pytest
import torch

from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.experiment import (
    CircuitChoice,
    ExperimentSettings,
    PromptChoice,
    run_experiment,
    run_settings,
)
from neuroswitch.measures import Bench, Condition, MeasureLog, routing
from neuroswitch.methods.cna import Scaling, scaled
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.records import POSITIVE, MeasuredRow
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


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_main_job_runs_and_reports_the_router(name: str, tmp_path: Path) -> None:
    tiny_module(name).save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    shared = ExperimentSettings(
        prompts=PromptChoice(
            behaviour=str(write_contrast(tmp_path / "asking.jsonl")), detector="contains:(?s).*", limit=3
        ),
        circuit=CircuitChoice(size=30),
        decoding=SHORT,
    )

    summary = run_experiment(run_settings(str(tmp_path / "model"), -30.0, base=shared), tmp_path / "out")

    cell = next(one for one in summary.cells if one.method == "cna")
    for name in ("routing", "routing_first", "routing_kept"):
        found = cell.measures[name]
        assert found.n == 3
        assert 0 <= found.low <= found.value <= found.high <= 1
    experts = summary.models["model"].methods["cna"].circuit.experts
    assert 0 <= cell.measures["routing_unused"].value <= experts <= 30
    page = (tmp_path / "out" / "report.html").read_text()
    assert "router" in page


# -------------------------------------------------------------------------------------- the router moves


def moved(
    model: LanguageModel, prompts: tuple[Prompt, ...], circuit: Circuit, strength: float
) -> dict[str, list[MeasuredRow]]:
    """Return what the routing measures find of a scaled circuit: measure -> rows."""
    changed = Condition("cna", strength, Scaling(circuit, strength))
    bench = Bench(model, [Condition(), changed], {POSITIVE: prompts}, {}, MeasureLog(None, "model"))
    routing.take_routing(bench)
    names = ("routing", "routing_first", "routing_kept", "routing_unused")
    return {name: list(bench.log.of(changed, name).values()) for name in names}


def mean(rows: list[MeasuredRow]) -> float:
    return fmean(row.value for row in rows)


def test_nothing_moves_where_nothing_is_scaled() -> None:
    model = tiny_model("mixtral")
    circuit = found_circuit(model)

    same = moved(model, tiny_contrast().test.positive, circuit, 0.0)

    assert [mean(same[name]) for name in ("routing", "routing_first", "routing_kept")] == [0, 0, 1]
    assert not any(row.layers for row in same["routing"])


def test_what_is_counted_is_what_a_loop_counts() -> None:
    from neuroswitch.activations.reading import read_last_token
    from neuroswitch.chat import encode

    model, prompts = tiny_model("qwen3_moe"), tiny_contrast().test.positive
    circuit = found_circuit(model)

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
    with Scaling(circuit, 31.0).applied(model):
        after = chosen()
    found = moved(model, prompts, circuit, 31.0)

    pairs = [pair for one, other in zip(before, after, strict=True) for pair in zip(one, other, strict=True)]
    assert mean(found["routing"]) == pytest.approx(sum(a[0] != b[0] for a, b in pairs) / len(pairs))
    assert mean(found["routing_first"]) == pytest.approx(sum(a[1] != b[1] for a, b in pairs) / len(pairs))
    assert mean(found["routing_kept"]) == pytest.approx(
        sum(len(a[0] & b[0]) / len(a[0]) for a, b in pairs) / len(pairs)
    )
    assert mean(found["routing"]) > 0
    assert not any(
        0 in row.layers for row in found["routing"]
    )  # only attention comes before the first router
    used = [set().union(*(row[layer][0] for row in before)) for layer in range(3)]
    unused = sum(neuron.expert not in used[neuron.layer] for neuron in circuit.neurons())
    assert mean(found["routing_unused"]) == unused


def test_neurons_of_experts_that_no_prompt_reaches_are_counted() -> None:
    planted = planted_moe()
    path = next(site.path for site in planted.model.layout.sites if site.layer == LAYER)
    provenance = found_circuit(tiny_model("mixtral"), 5).provenance
    there = Circuit(
        layout=planted.model.layout,
        ids=planted.ids,
        doses=torch.ones(len(INDICES)),
        provenance=provenance,
    )

    reached = moved(planted.model, planted.positive, there, 1.0)
    missed = moved(planted.model, planted.negative, there, 1.0)

    assert {(neuron.path, neuron.expert) for neuron in there.neurons()} == {(path, EXPERT)}
    assert mean(reached["routing_unused"]) == 0
    assert mean(missed["routing_unused"]) == 4


def test_a_model_without_a_router_has_nothing_to_report() -> None:
    model = tiny_model("llama")
    circuit = found_circuit(model, 5)

    assert not any(moved(model, tiny_contrast().test.positive, circuit, 1.0).values())
