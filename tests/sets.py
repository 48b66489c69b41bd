"""Small contrast sets in the words of the tiny tokenizer."""

import json
from itertools import product
from pathlib import Path

from neuroswitch.prompts import ContrastSet, Piles, Prompt

ASKS = ("tell me", "write", "make", "explain", "give me", "name", "list", "say")
THINGS = ("cat", "dog", "bird", "horse", "book", "song", "river", "tea")


def prompts(ask: str, things: tuple[str, ...] = THINGS) -> tuple[Prompt, ...]:
    """Make prompts of different lengths."""
    return tuple(Prompt.of(f"{ask} a {thing}" + " please" * (i % 3)) for i, thing in enumerate(things))


def tiny_contrast(name: str = "tiny") -> ContrastSet:
    """Make a contrast set: one way of asking against another, three splits."""
    pairs = list(product(ASKS, THINGS))
    texts = [f"{ask} the {thing}" + " now" * (i % 4) for i, (ask, thing) in enumerate(pairs)]
    made = [Prompt.of(text) for text in texts]
    return ContrastSet(
        name,
        discovery=Piles(tuple(made[0:12]), tuple(made[32:44])),
        validation=Piles(tuple(made[12:16]), tuple(made[44:48])),
        test=Piles(tuple(made[16:24]), tuple(made[48:56])),
    )


def write_contrast(path: Path) -> Path:
    """Write `tiny_contrast` as the JSONL file a user would give."""
    rows = [
        {"prompt": prompt.text, "label": label, "split": split}
        for split, piles in tiny_contrast().splits().items()
        for label, pile in zip(("positive", "negative"), piles, strict=True)
        for prompt in pile
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
