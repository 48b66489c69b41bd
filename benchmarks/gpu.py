"""Discovery and steering on a GPU, with a randomly initialised model of a real shape.

No weights are needed: time does not depend on their values. Printed are ratios of things timed side
by side in one process: batched discovery against plain prefill of the same tokens, and a decode step
with a circuit scaled against one without, run plainly and replayed as a CUDA graph.

    python benchmarks/gpu.py                                  # the shape of Llama-3.1-8B, bfloat16
    python benchmarks/gpu.py --layers 2 --hidden 64 --device cpu     # does it run at all?
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import torch
from transformers import AutoModelForCausalLM, LlamaConfig
from transformers.cache_utils import StaticCache

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from neuroswitch.activations import read_last_token, scaled_neurons
from neuroswitch.models import LanguageModel, wrap_model
from tiny import tiny_tokenizer

PAST = 64
"""Tokens in the cache before a decode step."""

ROOM = 256
"""Places for the steps that are timed: each one fills the next."""


def random_model(options: argparse.Namespace) -> LanguageModel:
    """Build a Llama of the given shape where it shall run."""
    config = LlamaConfig(
        num_hidden_layers=options.layers,
        hidden_size=options.hidden,
        intermediate_size=options.hidden * 7 // 2,
        num_attention_heads=options.hidden // min(128, options.hidden // 2),
        num_key_value_heads=max(1, options.hidden // 512),
        vocab_size=options.vocabulary,
        max_position_embeddings=4096,
    )
    with torch.device(options.device):
        module = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, options.dtype))
    return wrap_model(module, tiny_tokenizer(), name=f"random Llama, {module.num_parameters() / 1e9:.1f} B")


def seconds(work: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """Return the median time of a call, once warm."""
    times = []
    for _ in range(repeats + 2):
        _synchronize(device)
        start = time.perf_counter()
        work()
        _synchronize(device)
        times.append(time.perf_counter() - start)
    return median(times[2:])


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def discovery(model: LanguageModel, batch: int, length: int) -> None:
    """Print reading every neuron of a batch against prefill of the same tokens."""
    ids = torch.randint(0, 100, (batch, length)).tolist()
    tokens = torch.tensor(ids, device=model.device)
    plain = seconds(lambda: model.decoder(input_ids=tokens, use_cache=False), model.device)
    read = seconds(lambda: read_last_token(model, ids), model.device)
    rate = batch * length / read
    print(f"{batch:6} x {length:<5} read / prefill {read / plain:.3f}   {rate:,.0f} tokens a second")


def steps(model: LanguageModel, batch: int, ids: torch.Tensor, multipliers: torch.Tensor) -> None:
    """Print a steered decode step against an untouched one, plain and as a CUDA graph."""
    times: dict[str, list[float]] = {"plain": [], "graph": []}
    for steered in (False, True):
        with scaled_neurons(model, ids, multipliers) if steered else nullcontext():
            step = _step(model, batch)
            times["plain"].append(seconds(step, model.device, 25))
            if model.device.type == "cuda":
                times["graph"].append(seconds(_graph(step), model.device, 25))
    found = {
        name: f"{pair[1] / pair[0]:.4f} ({pair[0] * 1e3:.2f} ms)" for name, pair in times.items() if pair
    }
    print(f"{batch:6}         steered / untouched step: {found}")


def _step(model: LanguageModel, batch: int) -> Callable[[], object]:
    """Return one decode step on static shapes, as a graph needs it."""
    cache = StaticCache(config=model.module.config, max_cache_len=PAST + ROOM)
    past = torch.ones(batch, PAST, dtype=torch.long, device=model.device)
    model.module(input_ids=past, past_key_values=cache, use_cache=True)
    token = torch.ones(batch, 1, dtype=torch.long, device=model.device)
    place = torch.full((batch, 1), PAST, dtype=torch.long, device=model.device)
    return lambda: model.module(input_ids=token, position_ids=place, past_key_values=cache, use_cache=True)


def _graph(step: Callable[[], object]) -> Callable[[], object]:
    """Record a step as a CUDA graph; its replay runs no Python, hooks included."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--vocabulary", type=int, default=128256)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--length", type=int, default=64)
    return parser.parse_args(given)


@torch.inference_mode()
def main() -> None:
    """Print every ratio."""
    options = arguments()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here: run this on a GPU, or try it with --device cpu and a small shape")
    torch.manual_seed(0)
    model = random_model(options)
    where = torch.cuda.get_device_name() if options.device == "cuda" else options.device
    print(f"{model.identity.name}, {options.dtype}, {where}, torch {torch.__version__}")
    count = max(1, model.layout.size // 1000)
    ids = torch.randperm(model.layout.size)[:count].sort().values
    for batch in map(int, options.batches.split(",")):
        discovery(model, batch, options.length)
        steps(model, batch, ids, torch.zeros(count))


if __name__ == "__main__":
    main()
