"""What steering costs: a decode step with a circuit scaled against the same step without.

Untouched and steered steps alternate in one process on the same cache, so that other work on the
machine hits both alike; the ratio is the median over pairs with its bootstrap interval. The hook
alone is timed too, because on a busy machine it is smaller than the noise. Exported forms (weights,
IA3 merged) run no hook, so there is nothing to time: they cost zero by construction.

    python benchmarks/steering.py --model demo --size 0.001
"""

import argparse
import time
from contextlib import nullcontext
from statistics import median

import numpy as np
import torch
from scipy import stats
from transformers.cache_utils import DynamicCache

import neuroswitch as ns
from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.discovery.selection import budget
from neuroswitch.models.handle import LanguageModel

PAST = 64
"""Tokens in the cache before the step."""


def chosen(model: LanguageModel, size: float) -> torch.Tensor:
    """Draw a circuit: its place does not matter to its cost, and every layer has a part."""
    generator = torch.Generator().manual_seed(0)
    count = budget(size, model.layout.size)
    return torch.randperm(model.layout.size, generator=generator)[:count].sort().values


class Step:
    """One decode step of a batch, repeated on the same cache."""

    def __init__(self, model: LanguageModel, batch: int) -> None:
        self.model = model
        past = torch.ones(batch, PAST, dtype=torch.long, device=model.device)
        self.cache: DynamicCache = model.decoder(input_ids=past, use_cache=True).past_key_values
        self.token = torch.ones(batch, 1, dtype=torch.long, device=model.device)

    def seconds(self, multipliers: torch.Tensor | None, ids: torch.Tensor) -> float:
        """Time one step, steered or not; opening the block is not part of it."""
        state = nullcontext() if multipliers is None else scaled_neurons(self.model, ids, multipliers)
        with state:
            _synchronize(self.model)
            start = time.perf_counter()
            self.model.module(input_ids=self.token, past_key_values=self.cache, use_cache=True)
            _synchronize(self.model)
            took = time.perf_counter() - start
        self.cache.crop(-1)
        return took


def hook_seconds(model: LanguageModel, batch: int, ids: torch.Tensor) -> float:
    """Time the multiplications that a step adds, without the step."""
    masks = [torch.ones(site.width, device=model.device) for site in model.layout.sites]
    inputs = [torch.randn(batch, 1, site.width, device=model.device) for site in model.layout.sites]
    touched = sorted(model.layout.by_site(ids))
    places = [i for i, site in enumerate(model.layout.sites) if site.path in touched]
    times = []
    for _ in range(200):
        start = time.perf_counter()
        for i in places:
            inputs[i] * masks[i].to(device=inputs[i].device, dtype=inputs[i].dtype)
        _synchronize(model)
        times.append(time.perf_counter() - start)
    return median(times)


def _synchronize(model: LanguageModel) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize()


@torch.inference_mode()
def main() -> None:
    """Alternate untouched and steered steps, print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--size", type=float, default=0.001)
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--pairs", type=int, default=60)
    options = parser.parse_args()
    model = ns.load_model(options.model)
    ids = chosen(model, options.size)
    multipliers = torch.zeros(len(ids))
    print(f"{len(ids)} neurons in {len(model.layout.by_site(ids))} of {len(model.layout.sites)} sites")
    print("batch  steered / untouched  95 % interval    hook alone / untouched step")
    for batch in map(int, options.batches.split(",")):
        step = Step(model, batch)
        step.seconds(None, ids), step.seconds(multipliers, ids)  # warm up
        pairs = [(step.seconds(None, ids), step.seconds(multipliers, ids)) for _ in range(options.pairs)]
        ratios = [steered / plain for plain, steered in pairs]
        found = stats.bootstrap((ratios,), np.median, method="percentile", rng=0).confidence_interval
        interval = f"{found.low:.3f} - {found.high:.3f}"
        alone = hook_seconds(model, batch, ids) / median(plain for plain, _ in pairs)
        print(f"{batch:5}  {median(ratios):19.4f}  {interval:15}  {alone:.4f}")


if __name__ == "__main__":
    main()
