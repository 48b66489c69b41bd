"""Ask llama.cpp, in this process, for next-token log-probabilities of the whole vocabulary."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tiny_gguf import SETTINGS
from torch import Tensor

PROMPT = [1, 270, 280, 290]


def log_probabilities(
    path: Path, *, adapter: Path | None = None, scales: Sequence[float | None] = (None,)
) -> list[Tensor]:
    """Ask once for each scale of the adapter; None leaves the scale at the server's default, 1."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.n_parallel, parameters.warmup = 512, 1, False
    parameters.cpuparams.n_threads = 1
    if adapter is not None:
        parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(parameters)
    return [_ask(server, scale) for scale in scales]


def _ask(server, scale: float | None) -> Tensor:
    size = SETTINGS["vocab_size"]
    request = {"prompt": PROMPT, "n_predict": 1, "temperature": 0, "logprobs": size}
    request["logit_bias"] = [[300, 1000.0]]  # whatever is sampled, the distribution reported is unbiased
    if scale is not None:
        request["lora"] = [{"id": 0, "scale": scale}]
    answer = server.handle_completions(request)
    answer = json.loads(answer) if isinstance(answer, str) else answer
    row = torch.full((size,), float("nan"))
    for token in answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]:
        row[token["id"]] = token["logprob"]
    assert not row.isnan().any()
    return row
