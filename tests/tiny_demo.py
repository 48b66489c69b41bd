"""A tiny model on disk in the place of the demo model, so that examples run as they are printed.

It answers every prompt with one sentence, a refusal, and its tokenizer knows the words of the built-in sets.
"""

import re
from pathlib import Path

import torch

from neuroswitch.models.demo import GGUF_SHA256, REPOSITORY
from neuroswitch.prompts import ContrastSet, builtin_names
from tiny import SPECIAL, WORDS, tiny_module, tiny_tokenizer

ANSWER = "<|assistant|> sorry , i can not help you with that . <eos>".split()
NEURONS = 800


def save_refusing_model(folder: Path, *, seed: int = 0) -> Path:
    """Write a Llama of 3 layers x 800 neurons whose answer is always the same."""
    tokenizer = tiny_tokenizer(words=_words())
    vocabulary = tokenizer.get_vocab()
    module = tiny_module("llama", seed=seed, vocab_size=len(vocabulary), intermediate_size=NEURONS)
    chain = torch.tensor([vocabulary[word] for word in ANSWER])
    places = torch.arange(len(chain) - 1)
    with torch.no_grad():
        embedding, head = module.model.embed_tokens.weight, module.lm_head.weight
        embedding[chain[:-1]] = 0
        embedding[chain[:-1], places] = 50.0
        head *= 0.1
        head[chain[1:], places] = 10.0
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def demo_folder(cache: Path) -> Path:
    """Return where the demo model lies in a cache folder."""
    return cache / "demo" / f"{REPOSITORY.rpartition('/')[2]}-{GGUF_SHA256[:12]}"


def _words() -> list[str]:
    found = set(WORDS)
    for name in builtin_names():
        for split in ContrastSet.builtin(name).splits().values():
            for prompt in (*split.positive, *split.negative):
                found |= set(re.findall(r"\w+|[^\w\s]+", prompt.text))
    return sorted(found - set(SPECIAL))
