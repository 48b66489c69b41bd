"""Circuits in vLLM: LoRA adapters of several multipliers and the base in one batch, against the hook.

Run in an environment of its own: `make test-vllm`.
"""

import subprocess
import sys

import pytest
import torch
from steered import hooked_logits, log_probability_gap, logits, saved_model, spread_circuit
from vllm_engine import ENVIRONMENT, PROMPTS, SIZES, ask

from neuroswitch.answering.generation import Decoding
from neuroswitch.circuits.exporting import export
from neuroswitch.errors import Prerequisite
from neuroswitch.experiment import ExperimentSettings, PromptChoice, evaluate_settings, run_experiment
from neuroswitch.integrations import EngineChoice, ServeOptions
from neuroswitch.integrations.serving import client_code, serving
from neuroswitch.storage import read_jsonl
from sets import write_contrast

pytestmark = pytest.mark.vllm

TOLERANCE = 1e-4


@pytest.fixture(scope="module", autouse=True)
def engine():
    pytest.importorskip("vllm")


@pytest.fixture
def model(tmp_path):
    return saved_model("llama", tmp_path / "base", **SIZES)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_mixed_batch_gives_the_hooks_log_probabilities(processes, model, tmp_path):
    circuit = spread_circuit(model, 20)
    multipliers = (0.0, 2.0, 1.7)
    adapters = {
        f"circuit@{m:g}": export(circuit, model, "lora", tmp_path / f"{m:g}", strength=1 - m)
        for m in multipliers
    }
    expected = {
        name: hooked_logits(model, circuit, 1 - m) for name, m in zip(adapters, multipliers, strict=True)
    }
    expected["base"] = logits(model.module)
    requests = [{"ids": ids, "adapter": name} for ids in PROMPTS for name in expected]
    found = ask(tmp_path / "base", adapters, requests, processes=processes)
    for row, request in zip(found, requests, strict=True):
        reference = expected[request["adapter"]][PROMPTS.index(request["ids"]), -1]
        assert log_probability_gap(torch.tensor(row), reference) < TOLERANCE, request["adapter"]
    assert log_probability_gap(expected["base"], expected["circuit@0"]) > 100 * TOLERANCE


def test_a_server_answers_under_every_name_and_stops(model, tmp_path, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    folder = spread_circuit(model, 20).save(tmp_path / "circuits" / "talk")
    arguments = ("--enforce-eager", "--max-model-len", "128", "--dtype", "float32")
    options = ServeOptions(port=8765, multipliers=(0.0, 2.0), start_seconds=600, arguments=arguments)
    with serving(tmp_path / "base", [folder.parent], options) as server:
        assert server.names == ("base", "talk@0", "talk@2")
        body = {"prompt": PROMPTS[0], "max_tokens": 1, "temperature": 0, "logprobs": 5}
        tops = [
            server.request("/completions", {"model": name, **body})["choices"][0]["logprobs"][
                "token_logprobs"
            ][0]
            for name in server.names
        ]
        with pytest.raises(Prerequisite, match="nobody"):
            server.request("/completions", {"model": "nobody", **body})
        pasted = subprocess.run(
            [sys.executable, "-c", client_code(server)], capture_output=True, text=True, check=True
        )
        assert [line.split()[0] for line in pasted.stdout.splitlines()[:1]] == ["base"]
        assert all(name in pasted.stdout for name in server.names)
        server.process.kill()
        with pytest.raises(Prerequisite, match="vLLM stopped"):
            server.wait()
        with pytest.raises(Prerequisite, match="a request to /completions failed"):
            server.request("/completions", {"model": "base", **body})
    circuit = spread_circuit(model, 20)
    expected = [logits(model.module), hooked_logits(model, circuit, 1.0), hooked_logits(model, circuit, -1.0)]
    best = [float(each[0, -1].log_softmax(-1).max()) for each in expected]
    assert tops == pytest.approx(best, abs=TOLERANCE)


def test_an_evaluation_by_vllm_gives_the_answers_of_transformers(model, tmp_path, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    folder = spread_circuit(model, 20).save(tmp_path / "talk")
    shared = ExperimentSettings(
        prompts=PromptChoice(
            behaviour=str(write_contrast(tmp_path / "asking.jsonl")), detector="contains:(?s).*", limit=4
        ),
        decoding=Decoding(max_new_tokens=6),
    )
    settings = evaluate_settings(str(folder), str(tmp_path / "base"), 2.0, base=shared)
    arguments = ("--enforce-eager", "--max-model-len", "128", "--dtype", "float32")
    choice = EngineChoice("vllm", ServeOptions(port=8767, start_seconds=600, arguments=arguments))
    answers = []
    for output, engine in ((tmp_path / "here", EngineChoice()), (tmp_path / "there", choice)):
        run_experiment(settings, output, engine=engine)
        rows = list(read_jsonl(output / "results.jsonl"))
        # words: where a special token was left out, the two leave a blank or none
        answers.append(
            {
                (row["condition"], row["pile"], row["prompt_id"]): (
                    row["text"].split(),
                    row["tokens"],
                    row["finish"],
                )
                for row in rows
            }
        )
    assert answers[0] == answers[1]
    assert len(answers[0]) == 5 * 4


def test_a_server_that_does_not_start_says_why(model, tmp_path):
    folder = spread_circuit(model, 20).save(tmp_path / "talk")
    options = ServeOptions(port=8766, arguments=("--no-such-option",))
    with pytest.raises(Prerequisite, match="no-such-option"), serving(tmp_path / "base", [folder], options):
        pass
