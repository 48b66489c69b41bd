"""Discovery in one batched pass against one prompt at a time with a Python loop over neurons.

Both run in one process on the same prompts and must give the same circuit. Printed are the ratio of
their times, the peak memory of the batched pass over that of the loaded model, and how near its
arithmetic comes to a plain matrix product of the same run. No time fails the benchmark; another
circuit does.

    python benchmarks/discovery.py --model demo --prompts 100
"""

import argparse
import sys
import time
from pathlib import Path

import torch

import neuroswitch as ns
from neuroswitch.chat import encode, shared_prefix
from neuroswitch.discovery.collection import Reading, class_statistics
from neuroswitch.discovery.selection import budget
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt


def loop(model: LanguageModel, positive: list[Prompt], negative: list[Prompt], count: int) -> list[int]:
    """Find the circuit as the published code does: batch of one, the whole model, a loop over neurons."""
    means = []
    for pile in (positive, negative):
        sums = [0.0] * model.layout.size
        for prompt in pile:
            for neuron, value in enumerate(_one(model, prompt)):
                sums[neuron] += value.item() / len(pile)
        means.append(sums)
    scores = {neuron: abs(means[0][neuron] - means[1][neuron]) for neuron in range(model.layout.size)}
    return sorted(sorted(scores, key=lambda neuron: -scores[neuron])[:count])


@torch.inference_mode()
def _one(model: LanguageModel, prompt: Prompt) -> torch.Tensor:
    seen: list[torch.Tensor] = []
    handles = [
        model.module.get_submodule(site.path).register_forward_pre_hook(
            lambda module, arguments: seen.append(arguments[0][0, -1].float())
        )
        for site in model.layout.sites
    ]
    try:
        model.module(torch.tensor([encode(model.tokenizer, prompt)], device=model.device))
    finally:
        for handle in handles:
            handle.remove()
    return torch.cat(seen)


def batched(model: LanguageModel, positive: list[Prompt], negative: list[Prompt], count: int) -> list[int]:
    """Find the same circuit in batches, with one `topk`."""
    reading = Reading(needs=frozenset())
    means = [class_statistics(model, pile, reading).neurons.mean for pile in (positive, negative)]
    return sorted((means[0] - means[1]).abs().topk(count).indices.tolist())


def arithmetic(model: LanguageModel, piles: list[list[Prompt]]) -> float:
    """Count the floating-point operations that batched discovery cannot do without.

    Two for each parameter of the layers and each token after what all prompts share; attention
    between tokens, padding and norms are left out, so what is achieved is more than what is printed.
    """
    layers = model.module.get_submodule(model.layers_path)
    weights = sum(parameter.numel() for parameter in layers.parameters())
    tokens = 0
    for pile in piles:
        ids = [encode(model.tokenizer, prompt) for prompt in pile]
        shared = shared_prefix(ids)
        tokens += shared + sum(len(row) - shared for row in ids)
    return 2.0 * weights * tokens


def product_rate(model: LanguageModel) -> float:
    """Time a plain matrix product as large as an output projection sees; operations a second."""
    weight = model.module.get_submodule(model.layout.sites[0].path).weight
    values = torch.randn(1024, weight.shape[1], dtype=weight.dtype, device=weight.device)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        torch.nn.functional.linear(values, weight)
        best = min(best, time.perf_counter() - start)
    return 2.0 * len(values) * weight.numel() / best


def memory(field: str) -> int:
    """Read a line of /proc/self/status, in KiB; 0 where there is none."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


def main() -> int:
    """Time both, compare their circuits, print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--prompts", type=int, default=100, help="of each class")
    options = parser.parse_args()
    model = ns.load_model(options.model)
    contrast = ns.ContrastSet.builtin("refusal")
    piles = [[prompt for split in contrast.splits().values() for prompt in split[side]] for side in (0, 1)]
    positive, negative = (pile[: options.prompts] for pile in piles)
    count = budget(0.001, model.layout.size)
    _one(model, positive[0])  # warm up
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")
    loaded = memory("VmRSS")
    start = time.perf_counter()
    fast = batched(model, positive, negative, count)
    between = time.perf_counter()
    peak = memory("VmHWM")
    slow = loop(model, positive, negative, count)
    end = time.perf_counter()
    rate = arithmetic(model, [positive, negative]) / (between - start)
    plain = product_rate(model)
    print(f"prompts                      {len(positive)} + {len(negative)}")
    print(f"same circuit                 {fast == slow} ({len(set(fast) & set(slow))} of {count} neurons)")
    print(f"loop / batched, time         {(end - between) / (between - start):.1f}")
    print(
        f"operations a second          {rate / 1e9:.1f} G, a plain product {plain / 1e9:.1f} G: {rate / plain:.2f}"
    )
    print(f"peak / loaded model, memory  {peak / loaded:.3f}" if loaded else "memory not measured here")
    return 0 if fast == slow else 1


if __name__ == "__main__":
    sys.exit(main())
