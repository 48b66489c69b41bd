"""Answering and judging in batches against one prompt at a time.

Both run in one process on the same prompts and give the same verdicts. The loop is transformers'
`generate` with its cache, one prompt a call. Printed are ratios of times; no time fails the
benchmark, another verdict does.

    python benchmarks/evaluation.py --model demo --prompts 32
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from transformers import GenerationConfig

import neuroswitch as ns
from neuroswitch.answering.completions import Journal
from neuroswitch.answering.generation import end_tokens
from neuroswitch.chat import encode
from neuroswitch.models.handle import LanguageModel

T = TypeVar("T")


@torch.inference_mode()
def one_at_a_time(model: LanguageModel, prompts: Sequence[ns.Prompt], limit: int) -> list[str]:
    """Answer with one call of transformers' own `generate` a prompt."""
    greedy = GenerationConfig(
        max_new_tokens=limit, do_sample=False, eos_token_id=sorted(end_tokens(model)), pad_token_id=0
    )
    texts = []
    for prompt in prompts:
        ids = torch.tensor([encode(model.tokenizer, prompt)], device=model.device)
        out = model.module.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=greedy
        )
        texts.append(model.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    return texts


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return how many seconds a call took, and what it returned."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> int:
    """Time the loop, batches, and batches that stop where a verdict is settled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--max-new-tokens", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    model = ns.load_model(options.model)
    refusal = ns.detector("refusal")
    contrast = ns.ContrastSet.builtin("refusal")
    prompts = [prompt for pile in zip(*contrast.test, strict=False) for prompt in pile][: options.prompts]
    decoding = ns.Decoding(max_new_tokens=options.max_new_tokens, batch_size=options.batch_size)
    one_at_a_time(model, prompts[:1], 4)  # warm up

    slow, texts = timed(lambda: one_at_a_time(model, prompts, options.max_new_tokens))
    fast, answers = timed(lambda: ns.generate(model, prompts, decoding=decoding))
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "rows", {}, refusal.annotate, refusal.settled)
        early, broken_off = timed(lambda: ns.generate(model, prompts, decoding=decoding, journal=journal))

    labels = [refusal.classify(text, prompt.text) for text, prompt in zip(texts, prompts, strict=True)]
    batched = [refusal.classify(one.text, one.prompt) for one in answers]
    shown = [refusal.judges(one.text, one.prompt) for one in answers]
    settled = [refusal.judges(one.text, one.prompt) for one in broken_off]
    same = sum(one == other for one, other in zip(labels, batched, strict=True))
    counted = sum(one == other for one, other in zip(shown, settled, strict=True))
    stopped = sum(one.finish == "settled" for one in broken_off)
    print(f"prompts, new tokens at most           {len(prompts)}, {options.max_new_tokens}")
    print(f"same verdict, loop and batches        {same} of {len(prompts)}")
    print(f"loop / batches, time                  {slow / fast:.1f}")
    print(f"broken off once settled               {stopped} answers")
    print(f"counted alike when broken off         {counted} of {len(prompts)}")
    print(f"loop / batches with breaking off      {slow / early:.1f}")
    return 0 if same == counted == len(prompts) else 1


if __name__ == "__main__":
    sys.exit(main())
