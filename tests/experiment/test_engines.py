"""Experiments that another engine answers: the answers of this process, kept when the server dies."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from steered import spread_circuit

from neuroswitch.answering.generation import Decoding
from neuroswitch.circuits import Circuit, random_circuit
from neuroswitch.errors import BadOption, BadRun, Prerequisite
from neuroswitch.experiment import (
    CircuitChoice,
    ControlChoice,
    ExperimentSettings,
    PromptChoice,
    compare_settings,
    evaluate_settings,
    run_experiment,
)
from neuroswitch.integrations import EngineChoice, ServeOptions
from neuroswitch.integrations.serving import named_scalings
from neuroswitch.methods.cna import Scaling
from neuroswitch.models.loading import load_model
from neuroswitch.storage import read_jsonl
from openai_server import serving_tiny
from sets import write_contrast
from tiny import tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engines")
    model = tiny_llama(initializer_range=0.3)
    model.module.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    spread_circuit(load_model(folder / "model"), 20).save(folder / "talk")
    write_contrast(folder / "asking.jsonl")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder / "model")


@pytest.fixture(scope="module")
def base(folder):
    return ExperimentSettings(
        prompts=PromptChoice(behaviour=str(folder / "asking.jsonl"), detector="contains:(?s).*", limit=3),
        circuit=CircuitChoice(ranking="delta", size=20),
        controls=ControlChoice(controls=2),
        decoding=Decoding(max_new_tokens=4),
    )


@pytest.fixture(scope="module")
def settings(folder, base):
    return evaluate_settings(str(folder / "talk"), str(folder / "model"), -2.0, base=base)


@pytest.fixture
def scalings(folder):
    return named_scalings(
        {"talk": Circuit.load(folder / "talk")}, ServeOptions(multipliers=(-2.0,), controls=2)
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    module = sys.modules["neuroswitch.integrations.serving"]  # the package has a function of this name
    made = module.Endpoint
    monkeypatch.setattr(
        module, "Endpoint", lambda **named: made(**{**named, "attempts": 2, "pause": 0.01, "concurrency": 3})
    )


def answers(output: Path) -> dict[tuple[str, ...], tuple[object, ...]]:
    rows = list(read_jsonl(output / "results.jsonl"))
    found = {
        (row["condition"], row["pile"], row["prompt_id"]): (
            row["text"],
            row["tokens"],
            row["finish"],
            row["label"],
        )
        for row in rows
    }
    assert len(found) == len(rows), "something was answered twice"
    return found


def test_a_server_gives_the_answers_and_the_rates_of_this_process(model, settings, scalings, tmp_path):
    here = run_experiment(settings, tmp_path / "here")
    with serving_tiny(model, scalings) as server:
        there = run_experiment(settings, tmp_path / "there", engine=EngineChoice(server.url))
    assert answers(tmp_path / "there") == answers(tmp_path / "here")
    assert {name for name, _ in server.answered} == {"base", *scalings}
    assert there.cells == here.cells
    assert here.untouched().measures["behaviour"].n == 3
    by_condition = {key[0]: value for key, value in answers(tmp_path / "here").items()}
    assert by_condition[f"{settings.methods[0]}@3"] != by_condition["untouched"]


def test_a_server_that_dies_is_an_error_and_a_rerun_asks_only_for_what_is_missing(
    model, settings, scalings, tmp_path
):
    out = tmp_path / "out"
    with serving_tiny(model, scalings, dies_after=8) as dying:
        choice = EngineChoice(dying.url)
        with pytest.raises(Prerequisite, match=r"failed 2 times in a row(.|\n)*run the same command again"):
            run_experiment(settings, out, engine=choice)
    kept = answers(out)
    assert len(kept) == len(dying.answered) == 8
    assert not (out / "summary.json").exists()
    with pytest.raises(Prerequisite, match="failed 2 times"):
        run_experiment(settings, out, engine=choice)
    # another server, at another address
    with serving_tiny(model, scalings) as server:
        run_experiment(settings, out, engine=EngineChoice(server.url))
    found = answers(out)
    assert len(server.answered) == len(found) - 8
    assert kept.items() <= found.items()
    # answers of an engine and of this process do not share a folder
    with pytest.raises(BadRun, match=r"engine(.|\n)*server(.|\n)*transformers"):
        run_experiment(settings, out)


def test_random_circuits_of_a_server_are_those_of_an_experiment(folder, scalings):
    circuit = Circuit.load(folder / "talk")
    expected = {"talk@-2": circuit} | {
        f"talk.random{seed}@-2": random_circuit(circuit, seed=seed) for seed in range(2)
    }
    assert list(scalings) == list(expected)
    for name, one in expected.items():
        assert scalings[name].circuit.ids.equal(one.ids)
        assert scalings[name].multiplier == -2.0


@pytest.mark.slow
def test_a_comparison_asks_the_server_for_neurons_and_does_the_rest_here(folder, model, base, tmp_path):
    asked = compare_settings(
        str(folder / "model"),
        ("cna:delta", "random", "direction"),
        (0.0, 1.0),
        base=replace(base, controls=ControlChoice(controls=1)),
    )
    here = run_experiment(asked, tmp_path / "here")
    scalings = {
        f"{name}@0": Scaling(Circuit.load(tmp_path / "here" / "methods" / name), 1.0)
        for name in ("cna-delta", "random-0")
    }
    out = tmp_path / "there"
    with serving_tiny(model, scalings, dies_after=5) as server:
        with pytest.raises(Prerequisite, match="failed 2 times in a row"):
            run_experiment(asked, out, engine=EngineChoice(server.url))
    with serving_tiny(model, scalings) as server:
        there = run_experiment(asked, out, engine=EngineChoice(server.url))
    assert {name for name, _ in server.answered} == {"base", *scalings}
    assert answers(out) == answers(tmp_path / "here")
    assert there.cells == here.cells
    with pytest.raises(BadRun, match=r"engine(.|\n)*server(.|\n)*transformers"):
        run_experiment(asked, out)


def test_answers_of_a_server_cannot_be_stopped_early_and_that_is_said(settings, tmp_path):
    asked = replace(settings, until_settled=True, prompts=replace(settings.prompts, detector="refusal"))
    with pytest.raises(BadOption, match="answers of a server cannot be stopped"):
        run_experiment(asked, tmp_path / "out", engine=EngineChoice("http://127.0.0.1:1/v1"))
    assert not (tmp_path / "out").exists()
