"""Run prompts through vLLM in a process of its own: a job as JSON in, log-probabilities as JSON out.

    python vllm_engine.py job.json answers.json

`ask` starts it, in this environment or another one that has vLLM.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# sizes of heads that vLLM's CPU kernels take
SIZES = {"hidden_size": 64, "intermediate_size": 160, "head_dim": 32, "initializer_range": 0.15}
PROMPTS = ([1, 20, 30, 40, 50, 60], [1, 21, 31, 41, 51, 61])
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
}
START_SECONDS = 1800


def ask(
    model: Path,
    adapters: dict[str, Path],
    requests: list[dict[str, object]],
    *,
    processes: int = 1,
    rank: int = 64,
    python: str = sys.executable,
) -> list[list[float]]:
    """Answer requests (`ids`, and the name of an `adapter` or "base") in one batch.

    Returns:
        Log-probabilities of the next token over the vocabulary, one row for each request.
    """
    job = {
        "model": str(model),
        "adapters": {name: str(path) for name, path in adapters.items()},
        "tensor_parallel": processes,
        "requests": requests,
        "rank": rank,
    }
    cores = {"VLLM_CPU_OMP_THREADS_BIND": "0|1"} if processes == 2 else {}
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "job.json"), Path(folder, "answers.json")
        question.write_text(json.dumps(job))
        subprocess.run(
            [python, __file__, str(question), str(answer)],
            env={**os.environ, **ENVIRONMENT, **cores},
            check=True,
            timeout=START_SECONDS,
        )
        return json.loads(answer.read_text())


def main(question: Path, answer: Path) -> None:
    """Answer every request of a job, all in one batch, with log-probabilities of the whole vocabulary."""
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    job = json.loads(question.read_text())
    adapters = {
        name: LoRARequest(name, i + 1, path) for i, (name, path) in enumerate(job["adapters"].items())
    }
    engine = LLM(
        model=job["model"],
        dtype="float32",
        max_model_len=128,
        enforce_eager=True,
        enable_lora=True,
        max_lora_rank=job["rank"],
        max_loras=len(adapters) + 1,
        max_logprobs=-1,
        tensor_parallel_size=job["tensor_parallel"],
    )
    answers = engine.generate(
        [{"prompt_token_ids": request["ids"]} for request in job["requests"]],
        SamplingParams(temperature=0, max_tokens=1, logprobs=-1),
        lora_request=[adapters.get(request["adapter"]) for request in job["requests"]],
        use_tqdm=False,
    )
    rows = [found.outputs[0].logprobs[0] for found in answers]
    answer.write_text(json.dumps([[row[token].logprob for token in sorted(row)] for row in rows]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
