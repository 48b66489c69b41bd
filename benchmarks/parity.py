r"""Every exported form against the hook: the largest difference of a log-probability, float32.

Tiny random models for every engine that runs here; with --model also a real one, in the forms that PEFT
and transformers read. What an engine differs by without any steering stands beside it: no form can be
nearer than that.

    PYTHONPATH=tests:tests/circuits python benchmarks/parity.py --vllm-python .venv-vllm/bin/python \
        --model demo --circuit runs/demo/circuit
"""

import argparse
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import llamacpp_engine
import tiny_gguf
import torch
import vllm_engine
from peft import PeftModel
from steered import saved_model, spread_circuit
from torch import Tensor
from transformers import AutoModelForCausalLM

import neuroswitch as ns
from neuroswitch.chat import encode
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.export import export
from neuroswitch.integrations.serve import RANKS
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_model

MULTIPLIERS = (0.0, 2.0, 1.7)
DENSE = ("llama", "qwen2", "gpt2", "phi3", "opt", "falcon")
EXPERTS = ("mixtral", "qwen3_moe", "gpt_oss", "deepseek_v3")


class Found(NamedTuple):
    """One line of the table: `moved` is how far steering itself moves a log-probability."""

    form: str
    engine: str
    model: str
    gap: float
    floor: float
    moved: float


class Subject(NamedTuple):
    """What is measured: a model, a circuit of it, the folder it was loaded from, prompts, its name."""

    model: LanguageModel
    circuit: Circuit
    base: Path
    ids: list[list[int]]
    name: str


@torch.inference_mode()
def log_probabilities(module: torch.nn.Module, ids: list[list[int]]) -> list[Tensor]:
    """Return log-probabilities at every position of each prompt, (T, V)."""
    return [
        module(input_ids=torch.tensor([row]), use_cache=False).logits[0].float().log_softmax(-1)
        for row in ids
    ]


def steered(model: LanguageModel, circuit: Circuit, multiplier: float, ids: list[list[int]]) -> list[Tensor]:
    """Return the reference: the same under the hook."""
    with ns.scaled(model, circuit, multiplier):
        return log_probabilities(model.module, ids)


def gap(first: list[Tensor], second: list[Tensor]) -> float:
    """Return the largest difference."""
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def in_transformers(subject: Subject, forms: tuple[str, ...]) -> Iterator[Found]:
    """Measure the forms that PEFT and transformers read."""
    model, circuit, base, ids, name = subject
    plain = log_probabilities(model.module, ids)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        for form in forms:
            gaps, moved = [], []
            for multiplier in MULTIPLIERS:
                expected = steered(model, circuit, multiplier, ids)
                folder = export(
                    circuit, model, form, Path(scratch) / f"{form}{multiplier}", multiplier=multiplier
                )
                source = folder if form == "weights" else base
                module = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
                module = module if form == "weights" else PeftModel.from_pretrained(module, folder)
                gaps.append(gap(log_probabilities(module.eval(), ids), expected))
                moved.append(gap(plain, expected))
                del module
            yield Found(
                form, "transformers" if form == "weights" else "PEFT", name, max(gaps), 0.0, min(moved)
            )


def in_llamacpp() -> Iterator[Found]:
    """Measure the GGUF forms."""
    model = tiny_model("llama", **tiny_gguf.SETTINGS)
    circuit, prompt = spread_circuit(model, 30), [llamacpp_engine.PROMPT]
    with tempfile.TemporaryDirectory() as scratch:
        base = tiny_gguf.write_gguf(model, Path(scratch) / "base.gguf")
        plain = [rows[-1:] for rows in log_probabilities(model.module, prompt)]
        floor = gap([llamacpp_engine.log_probabilities(base)[0][None]], plain)
        for form in ("gguf", "gguf-lora"):
            gaps, moved = [], []
            for multiplier in MULTIPLIERS:
                expected = [rows[-1:] for rows in steered(model, circuit, multiplier, prompt)]
                path = Path(scratch) / f"{form}{multiplier}.gguf"
                written = export(
                    circuit, base if form == "gguf" else model, form, path, multiplier=multiplier
                )
                lora = None if form == "gguf" else written
                (answer,) = llamacpp_engine.log_probabilities(base if lora else written, adapter=lora)
                gaps.append(gap([answer[None]], expected))
                moved.append(gap(plain, expected))
            yield Found(form, "llama.cpp", "tiny llama", max(gaps), floor, min(moved))


def in_vllm(python: str, processes: int, subject: Subject) -> Found:
    """Measure the LoRA form in one mixed batch of the base and all multipliers."""
    model, circuit, base, ids, name = subject
    with tempfile.TemporaryDirectory() as scratch:
        adapters = {
            f"{m:g}": export(circuit, model, "lora", Path(scratch) / f"{m:g}", multiplier=m)
            for m in MULTIPLIERS
        }
        names = ["base", *adapters]
        requests: list[dict[str, object]] = [{"ids": row, "adapter": one} for row in ids for one in names]
        fullest = max(map(len, circuit.layout.by_site(circuit.ids).values()))
        rank = next(allowed for allowed in RANKS if allowed >= fullest)
        rows = vllm_engine.ask(base, adapters, requests, processes=processes, rank=rank, python=python)
    plain = [rows[-1] for rows in log_probabilities(model.module, ids)]
    expected = {"base": plain}
    for multiplier in MULTIPLIERS:
        expected[f"{multiplier:g}"] = [rows[-1] for rows in steered(model, circuit, multiplier, ids)]
    gaps: dict[str, float] = dict.fromkeys(names, 0.0)
    for request, row in zip(requests, rows, strict=True):
        one, place = str(request["adapter"]), ids.index(request["ids"])  # type: ignore[arg-type]
        gaps[one] = max(gaps[one], gap([torch.tensor(row)], [expected[one][place]]))
    moved = min(gap(plain, expected[one]) for one in adapters)
    engine = f"vLLM, {processes} process{'es' if processes > 1 else ''}"
    return Found("lora", engine, name, max(gaps[one] for one in adapters), gaps["base"], moved)


def tiny(vllm: str | None) -> Iterator[Found]:
    """Measure on tiny random models."""
    ids = [[1, 20, 30, 40, 50, 60], [1, 21, 31, 41, 51, 61]]
    for names, forms in ((DENSE, ("ia3", "lora", "weights")), (EXPERTS, ("weights",))):
        by_form: dict[str, list[Found]] = {form: [] for form in forms}
        for name in names:
            with tempfile.TemporaryDirectory() as scratch:
                model = saved_model(name, Path(scratch))
                subject = Subject(model, spread_circuit(model, 30), Path(scratch), ids, name)
                for found in in_transformers(subject, forms):
                    by_form[found.form].append(found)
        kind = "tiny, experts" if names is EXPERTS else "tiny, dense"
        for found_ones in by_form.values():
            one = found_ones[0]
            label = f"{kind}: {', '.join(names)}"
            worst, least = max(f.gap for f in found_ones), min(f.moved for f in found_ones)
            yield one._replace(model=label, gap=worst, moved=least)
    yield from in_llamacpp()
    if vllm:
        with tempfile.TemporaryDirectory() as scratch:
            model = saved_model("llama", Path(scratch), **vllm_engine.SIZES)
            subject = Subject(model, spread_circuit(model, 20), Path(scratch), ids, "tiny llama")
            yield from (in_vllm(vllm, processes, subject) for processes in (1, 2))


def real(source: str, folder: Path, vllm: str | None) -> Iterator[Found]:
    """Measure on a real model, on prompts of the built-in set in its template."""
    model = ns.load_model(source, options=ns.LoadOptions(dtype="float32"))
    circuit = ns.load_circuit(folder, model)
    piles = ns.ContrastSet.builtin("refusal").test
    ids = [encode(model.tokenizer, prompt) for pile in piles for prompt in pile[:2]]
    base = Path(str(model.module.config._name_or_path))
    name = f"{model.identity.name}, {len(circuit)} neurons"
    subject = Subject(model, circuit, base, ids, name)
    yield from in_transformers(subject, ("ia3", "lora", "weights"))
    if vllm:
        yield in_vllm(vllm, 1, subject)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--vllm-python", help="Python of an environment that has vLLM")
    parser.add_argument("--model", help="a real model, besides the tiny ones")
    parser.add_argument("--circuit", type=Path, help="a circuit of it")
    asked = parser.parse_args()
    print(", ".join(f"{name} {_version(name)}" for name in ("torch", "transformers", "peft", "xllamacpp")))
    print(
        "| form | engine | model | difference | unsteered floor | steering moves |\n|---|---|---|---|---|---|"
    )
    for found in tiny(asked.vllm_python):
        _print(found)
    if asked.model:
        for found in real(asked.model, asked.circuit, asked.vllm_python):
            _print(found)


def _print(found: Found) -> None:
    numbers = " | ".join(f"{number:.1e}" for number in (found.gap, found.floor, found.moved))
    print(f"| {found.form} | {found.engine} | {found.model} | {numbers} |", flush=True)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
