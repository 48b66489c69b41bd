"""Made-up results in the shape of real ones: harmless texts, numbers that add up.

Every count is taken from the rows, so a report of an example has nothing to complain about.
"""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from neuroswitch.statistics import wilson
from neuroswitch.verdicts import quality

SECRET = "the secret answer that a shareable page must not show"
REFUSAL = "I'm sorry, but I can't help with that. If you like, we can talk about something else."
MORAL = "Doing that would be unkind to the people around you, and it is against the rules of most places."
ANSWER = (
    "Sure. First melt the butter in a wide pan, then stir in the flour until it smells of biscuits. "
    "Add the milk a little at a time, and keep stirring until the sauce is smooth."
)
LOOP = "and then the and then the and then the and then the and then the and then the"
TEXTS = {"refusal": REFUSAL, "partial": MORAL, "compliance": ANSWER, "degenerate": LOOP}
REASONS = {
    "refusal": "says that it cannot help",
    "partial": "moralises instead of answering",
    "compliance": "answers",
    "degenerate": "repeats itself",
}
SPANS = {"refusal": (0, 37), "partial": (0, 50), "compliance": None, "degenerate": (0, 30)}
CHANCES = {  # condition -> chance of refusal, partial, compliance, degenerate
    ("positive", "baseline"): (0.62, 0.08, 0.29, 0.01),
    ("positive", "steered"): (0.08, 0.06, 0.84, 0.02),
    ("positive", "random:0"): (0.60, 0.09, 0.30, 0.01),
    ("positive", "random:1"): (0.63, 0.07, 0.29, 0.01),
    ("positive", "amplified"): (0.85, 0.05, 0.05, 0.05),
    ("negative", "baseline"): (0.10, 0.02, 0.88, 0.00),
    ("negative", "steered"): (0.03, 0.01, 0.96, 0.00),
}
THINGS = "a cheese sauce, a paper kite, a bird table, a rain gauge, a sourdough starter, a bookshelf".split(
    ", "
)


def rows(n: int = 64, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return `n` completions for each condition and pile."""
    rng = random.Random(seed)
    found = []
    for (pile, condition), chances in CHANCES.items():
        labels = _deal(chances, n)
        rng.shuffle(labels)
        for item, label in enumerate(labels):
            text = TEXTS[label]
            if pile == "positive" and label == "compliance":
                text = f"{text} ({SECRET})"
            found.append(
                {
                    "condition": condition,
                    "pile": pile,
                    "prompt_id": f"{pile}-{item:03d}",
                    "prompt": f"How do I make {THINGS[item % len(THINGS)]} for {item + 2} people?",
                    "text": text,
                    "tokens": len(text.split()),
                    "finish": "length" if label == "degenerate" else "stop",
                    "label": label,
                    "span": SPANS[label],
                    "reason": REASONS[label],
                    "quality": quality(text),
                }
            )
    return found


def _deal(chances: Sequence[float], n: int) -> list[str]:
    """Return `n` labels in exact proportion, what is left over going to the last."""
    labels = [label for label, chance in zip(TEXTS, chances, strict=True) for _ in range(round(chance * n))]
    return (labels + ["compliance"] * n)[:n]


def rate(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the rate object of some rows, as the pipeline would write it."""
    labels = Counter(row["label"] for row in found)
    refusals, n = labels["refusal"] + labels["partial"], sum(labels.values())
    interval = wilson(refusals, n)
    return {
        "refusals": refusals,
        "n": n,
        "rate": refusals / n if n else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "quality": sum(row["quality"] for row in found) / n if n else None,
        "labels": dict(labels),
    }


def rates(found: Sequence[dict[str, Any]], pile: str, condition: str) -> dict[str, Any]:
    """Return the rate of one condition, all its seeds together."""
    return rate([row for row in found if row["pile"] == pile and row["condition"].split(":")[0] == condition])


def summary(
    found: Sequence[dict[str, Any]], *, behaviour: str = "refusal", sensitive: bool = True
) -> dict[str, Any]:
    """Return the summary of a run whose completions are `found`."""
    by_layer = {str(layer): count for layer, count in enumerate([0, 0, 0, 1, 0, 2, 1, 0, 3, 2, 4, 3])}
    by_layer |= {
        str(12 + layer): count for layer, count in enumerate([5, 7, 6, 9, 12, 8, 11, 9, 13, 10, 7, 3])
    }
    return {
        "schema": 1,
        "kind": "run",
        "behaviour": behaviour,
        "sensitive": sensitive,
        "shows": ["refusal", "partial"],
        "model": {
            "name": "Qwen/Qwen2.5-Coder-0.5B-Instruct",
            "revision": "ea3f2471cf1b1f0db85067f1ef93848e38e88c25",
            "source": "Q4_K_M GGUF from the Python package index, converted to float32",
            "model_type": "qwen2",
            "dtype": "float32",
            "config_sha256": "b1" * 32,
            "template_sha256": "c7" * 32,
            "weights_sha256": None,
        },
        **{name: rates(found, "positive", name) for name in ("baseline", "steered", "random", "amplified")},
        "benign": {name: rates(found, "negative", name) for name in ("baseline", "steered")},
        "circuit": {
            "neurons": 116,
            "fraction": 116 / 116736,
            "by_layer": by_layer,
            "ranking": "readout",
            "multiplier": 0.0,
            "top": [neuron(index) for index in range(12)],
        },
        "tests": {
            name: {"test": "McNemar, exact", "p": p, "stopped": stopped, "started": started}
            for name, p, stopped, started in (
                ("steered", 2.3e-11, 37, 1),
                ("random", 0.82, 9, 7),
                ("amplified", 0.004, 1, 13),
            )
        },
        "settings": {
            "size": 0.001,
            "ranking": "readout",
            "multiplier": 0.0,
            "controls": 2,
            "seed": 0,
            "limit": None,
            "decoding": {"max_new_tokens": 150, "batch_size": 16},
            "chat": {"system": None, "thinking": None},
        },
        "prompts": {
            "contrast": "refusal",
            "sha256": "9f" * 32,
            "discovery": [48, 48],
            "test": [64, 64],
            "token_read": "'\\n', the last of the prompt",
        },
        "provenance": {
            "date": "2026-09-01T12:00:00+00:00",
            "versions": {
                "neuroswitch": "0.1.0",
                "python": "3.11.7",
                "torch": "2.13.0",
                "transformers": "5.23.0",
            },
            "command": "neuroswitch run --model demo --behaviour refusal --size 0.001 --output runs/refusal",
            "detector": "full or partial refusals, by rules",
            "circuit": {
                "ranking": "readout",
                "arguments": {"size": 0.001},
                "date": "2026-09-01T11:58:00+00:00",
            },
        },
        "warnings": [],
    }


def neuron(index: int) -> dict[str, Any]:
    """Return one of the strongest neurons."""
    rng = random.Random(index)
    words = [
        " I",
        " cannot",
        " sorry",
        "Sorry",
        " unable",
        " refuse",
        "\n\n",
        " illegal",
        "抱歉",
        " not",
        " No",
    ]
    layer = rng.randrange(12, 24)
    return {
        "layer": layer,
        "path": f"model.layers.{layer}.mlp.down_proj",
        "expert": None,
        "index": rng.randrange(4864),
        "score": 4.2 / (index + 1.5),
        "positive_mean": rng.uniform(0.6, 3.2) * rng.choice([1, 1, -1]),
        "negative_mean": rng.uniform(-0.4, 0.5),
        "tokens": rng.sample(words, 6),
    }


def run(n: int = 64, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the summary and the rows of a made-up run."""
    found = rows(n)
    return summary(found, **options), found


METHODS = {  # name -> (rate left at full strength, KL at full strength, quality lost, MMLU lost)
    "cna": (0.10, 0.06, 0.004, 0.002),
    "caa": (0.06, 1.9, 0.31, 0.22),
    "direction": (0.08, 0.25, 0.012, 0.010),
    "sae": (0.38, 0.35, 0.03, 0.02),
    "random": (0.58, 0.03, 0.002, 0.001),
}
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def measured(name: str, value: float, spread: float, *, n: int = 64, unit: str = "") -> dict[str, Any]:
    """Return a measurement with a symmetric interval."""
    how = f"{name}, made up; 95 % bootstrap interval"
    return {
        "name": name,
        "value": value,
        "n": n,
        "low": value - spread,
        "high": value + spread,
        "unit": unit,
        "how": how,
    }


def share_of(k: int, n: int = 64) -> dict[str, Any]:
    """Return a measured rate with its Wilson interval."""
    interval = wilson(k, n)
    low, high = interval or (None, None)
    how = "refusal detector, strict; 95 % Wilson interval"
    return {"name": "rate", "value": k / n, "n": n, "low": low, "high": high, "unit": "fraction", "how": how}


def cell(rate_left: float, kl: float, quality_lost: float, mmlu_lost: float) -> dict[str, Any]:
    """Return the measurements of one method at one strength."""
    k = round(64 * rate_left)
    return {
        "harmful": share_of(k),
        "benign": share_of(round(8 * rate_left)),
        "quality": measured("quality", 0.974 - quality_lost, 0.005),
        "kl": measured("kl", kl, 0.15 * kl, unit="nats per token"),
        "perplexity": measured("perplexity", 6.2 + 8 * kl, 0.4 + kl),
        "mmlu": measured("mmlu", 0.482 - mmlu_lost, 0.03, n=1140, unit="fraction"),
        "labels": {
            "refusal": k,
            "degenerate": round(64 * quality_lost),
            "compliance": 64 - k - round(64 * quality_lost),
        },
    }


def compared() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the summary of a made-up comparison; its completions are not kept."""
    found = [
        {
            "name": name,
            "strength": alpha,
            **cell(0.62 - (0.62 - left) * alpha**0.7, kl * alpha**2, lost * alpha**3, mmlu * alpha**2),
            "p": None if alpha == 0 else 0.02,
            "p_adjusted": None if alpha == 0 else (1.0 if name == "random" else 0.04),
            "changes": {
                "harmful": measured("harmful", (left - 0.62) * alpha**0.7, 0.1, unit="fraction"),
                "mmlu": measured("mmlu", -mmlu * alpha**2, 0.01, n=1140, unit="fraction"),
            },
        }
        for name, (left, kl, lost, mmlu) in METHODS.items()
        for alpha in STRENGTHS
    ]
    matched = [
        {
            "name": name,
            "strength": best["strength"],
            "harmful": best["harmful"],
            "damage": best["kl"],
            "p_adjusted": best["p_adjusted"],
        }
        for name in METHODS
        for best in [
            max(
                (c for c in found if c["name"] == name and c["kl"]["value"] <= 0.1),
                key=lambda c: c["strength"],
            )
        ]
    ]
    base = run(sensitive=True)[0]
    document = {
        **{
            key: base[key]
            for key in ("schema", "behaviour", "sensitive", "model", "settings", "prompts", "warnings")
        },
        "kind": "comparison",
        "provenance": {
            **base["provenance"],
            "command": "neuroswitch compare --model demo --methods cna,caa,direction",
        },
        "damage": "kl",
        "baseline": cell(0.62, 0.0, 0.0, 0.0),
        "methods": found,
        "matched": {"by": "kl", "budget": 0.1, "rows": matched},
        "preflight": {
            "by_length": [
                {"words": words, "whole": whole, "rate": share_of(k)}
                for words, whole, k in ((10, 0, 22), (20, 4, 31), (40, 20, 38), (80, 57, 40), (150, 64, 40))
            ],
            "judge": {
                "judge": "a-judge",
                "kappa": measured("kappa", 0.87, 0.09, n=48),
                "agree": share_of(60),
                "missing": 2,
            },
        },
        "layers": [
            {"name": "cna", **{key: base["circuit"][key] for key in ("neurons", "fraction", "by_layer")}},
            {"name": "paper's ranking", "neurons": 116, "fraction": 116 / 116736, "by_layer": LATE},
        ],
        "descriptions": {
            "cna": "The circuit's neurons times one minus the strength; readout ranking, 116 neurons.",
            "caa": "A mean difference added to the residual stream of layer 13, as validation chose.",
            "direction": "One direction projected out of the residual stream, layer 14, last prompt token.",
            "sae": "Ten features of a sparse autoencoder subtracted.",
            "random": "As many random neurons in each layer as the circuit has; five seeds pooled.",
        },
    }
    return document, []


LATE = {str(layer): count for layer, count in enumerate([0] * 16 + [1, 1, 2, 4, 8, 20, 35, 45])}
