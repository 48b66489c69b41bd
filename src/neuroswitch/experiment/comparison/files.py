"""What lies where in the folder of a comparison, and what its conditions are called. Needs no model."""

import hashlib
import re
from pathlib import Path

FACTS, RESULTS, DAMAGE, SUMMARY = "facts.json", "results.jsonl", "damage.jsonl", "summary.json"
JUDGED = "judged.json"
METHODS = "methods"

PROVENANCE = "provenance.json"
"""When and how the folder was asked for: the one record that two equal comparisons do not share."""

BASELINE = "baseline"
"""The untouched model, as a condition and as a method."""

POOLED = "random"
"""The method that stands for so many random circuits, `random:0` and on, with one row for all."""


def members(name: str, seeds: int) -> tuple[str, ...]:
    """Return the methods that one row stands for: itself, or one per seed.

    Example:
        >>> members("random", 2), members("random:7", 2)
        (('random:0', 'random:1'), ('random:7',))
    """
    return tuple(f"{POOLED}:{seed}" for seed in range(seeds)) if name == POOLED else (name,)


def condition_key(method: str, strength: float) -> str:
    """Return what a method at a strength is called in the files, such as `caa@0.5`."""
    return f"{method}@{strength:g}"


def method_folder(output: Path, name: str) -> Path:
    """Return where a method is kept: its name, made fit for a file system and still unique."""
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60]
    if plain != name.replace(":", "-"):
        plain += "-" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return output / METHODS / plain


def description_file(output: Path, name: str) -> Path:
    """Return where it is said what a fitted method is."""
    folder = method_folder(output, name)
    return folder.with_name(folder.name + ".json")
