"""Circuits in vLLM: LoRA adapters of several multipliers and the base in one batch, against the hook.

Run in an environment of its own: `make test-vllm`.
"""

import pytest
from steered import hooked_logits, log_probability_gap, logits, saved_model, spread_circuit
from vllm_engine import ENVIRONMENT, PROMPTS, SIZES, ask

from neuroswitch.circuits.export import export
from neuroswitch.circuits.files import save
from neuroswitch.errors import Prerequisite
from neuroswitch.integrations.serve import ServeOptions, client_code, serving

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
        f"circuit@{m:g}": export(circuit, model, "lora", tmp_path / f"{m:g}", multiplier=m)
        for m in multipliers
    }
    expected = {name: hooked_logits(model, circuit, m) for name, m in zip(adapters, multipliers, strict=True)}
    expected["base"] = logits(model.module)
    requests = [{"ids": ids, "adapter": name} for ids in PROMPTS for name in expected]
    found = ask(tmp_path / "base", adapters, requests, processes=processes)
    for row, request in zip(found, requests, strict=True):
        reference = expected[request["adapter"]][PROMPTS.index(request["ids"]), -1]
        assert log_probability_gap(row, reference) < TOLERANCE, request["adapter"]
    assert log_probability_gap(expected["base"], expected["circuit@0"]) > 100 * TOLERANCE


def test_a_server_answers_under_every_name_and_stops(model, tmp_path, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    folder = save(spread_circuit(model, 20), tmp_path / "circuits" / "talk")
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
        assert "talk@2" in client_code(server)
        with pytest.raises(Prerequisite, match="nobody"):
            server.request("/completions", {"model": "nobody", **body})
    assert server.process.poll() is not None
    circuit = spread_circuit(model, 20)
    expected = [logits(model.module), hooked_logits(model, circuit, 0.0), hooked_logits(model, circuit, 2.0)]
    best = [float(each[0, -1].log_softmax(-1).max()) for each in expected]
    assert tops == pytest.approx(best, abs=TOLERANCE)


def test_a_server_that_does_not_start_says_why(model, tmp_path):
    folder = save(spread_circuit(model, 20), tmp_path / "talk")
    options = ServeOptions(port=8766, arguments=("--no-such-option",))
    with pytest.raises(Prerequisite, match="no-such-option"), serving(tmp_path / "base", [folder], options):
        pass
