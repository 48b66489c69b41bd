"""A made-up study of two models in the shape of a real one: a base model and what was tuned from it."""

import random
from typing import Any

import example

from neuroswitch.statistics import Stratum, overlap

ROLES = ("base", "instruct")
LAYERS = {
    "base": [0] * 12 + [1, 2, 2, 3, 6, 8, 9, 11, 14, 17, 21, 22],
    "instruct": [0] * 12 + [5, 7, 6, 9, 12, 8, 11, 9, 13, 10, 14, 12],
}
WIDTH = 4864
REFUSED = {  # role -> state -> of 64 answers: refused, partly refused, degenerate
    "base": {
        "baseline": (1, 1, 4),
        "own": (1, 0, 4),
        "other": (0, 0, 5),
        "random:0": (1, 1, 4),
        "random:1": (2, 0, 4),
    },
    "instruct": {
        "baseline": (38, 6, 0),
        "own": (4, 3, 0),
        "other": (22, 5, 1),
        "random:0": (37, 7, 0),
        "random:1": (38, 5, 0),
    },
}
BENIGN = {
    "base": {"baseline": (0, 0, 3), "own": (0, 0, 3)},
    "instruct": {"baseline": (5, 1, 0), "own": (1, 0, 0)},
}


def rows(n: int = 64) -> list[dict[str, Any]]:
    """Return the completions of both models."""
    return [
        row
        for pile, counts in (("positive", REFUSED), ("negative", BENIGN))
        for role, states in counts.items()
        for state, dealt in states.items()
        for row in _answers(role, pile, state, dealt, n)
    ]


def _answers(role: str, pile: str, state: str, dealt: tuple[int, int, int], n: int) -> list[dict[str, Any]]:
    refused, partial, loops = dealt
    labels = ["refusal"] * refused + ["partial"] * partial + ["degenerate"] * loops
    labels += ["compliance"] * (n - len(labels))
    random.Random(0).shuffle(labels)
    made = zip(example.rows(n)[:n], labels, strict=True)
    return [
        row
        | {
            "model": role,
            "condition": state,
            "pile": pile,
            "label": label,
            "reason": example.REASONS[label],
            "text": example.TEXTS[label] + (f" ({example.SECRET})" if pile == "positive" else ""),
        }
        for row, label in made
    ]


def _condition(
    found: list[dict[str, Any]], role: str, pile: str, state: str, p: float | None
) -> dict[str, Any]:
    mine = [
        row
        for row in found
        if (row["model"], row["pile"], row["condition"].split(":")[0]) == (role, pile, state)
    ]
    tested = {"test": "McNemar, exact", "p": p, "stopped": 37, "started": 1}
    return {
        "rate": example.rate(mine),
        "test": None if p is None else tested,
        "p_adjusted": None if p is None else min(1.0, 4 * p),
        "changed": None if p is None else 50,
    }


def _model(found: list[dict[str, Any]], role: str) -> dict[str, Any]:
    p = {"base": 1.0, "instruct": 2.3e-11}[role]
    states = {"baseline": None, "own": p, "other": p, "random": 0.8}
    by_layer = {str(layer): count for layer, count in enumerate(LAYERS[role])}
    total = sum(LAYERS[role])
    return {
        "name": {"base": "Some-0.5B", "instruct": "Some-0.5B-Instruct"}[role],
        "occurs": role == "instruct",
        "asked": {"base": "as raw text, having no template", "instruct": "in its own chat template"}[role],
        "positive": {state: _condition(found, role, "positive", state, p) for state, p in states.items()},
        "negative": {
            state: _condition(found, role, "negative", state, p)
            for state, p in (("baseline", None), ("own", 0.4))
        },
        "circuits": [
            {"name": name, "neurons": total, "fraction": total / (24 * WIDTH), "by_layer": by_layer}
            for name in ("top 0.1 %", "top 200")
        ],
    }


def _shared(name: str, shared: int) -> dict[str, Any]:
    strata = [Stratum(one, other, WIDTH) for one, other in zip(*LAYERS.values(), strict=True)]
    sizes = [sum(LAYERS[role]) for role in ROLES]
    levels = {"all": [Stratum(*sizes, 24 * WIDTH)], "by_layer": strata}
    chance = {level: overlap(shared, each) for level, each in levels.items()}
    return {
        "name": name,
        "sizes": sizes,
        "shared": shared,
        "jaccard": shared / (sum(sizes) - shared),
        **{level: {"expected": each.expected, "p": each.p} for level, each in chance.items()},
    }


def studied() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the summary and the rows of a made-up study."""
    found = rows()
    base = example.run()[0]
    identities = {
        f"{role} model": base["model"] | {"name": f"maker/{role}", "weights_sha256": sha * 32}
        for role, sha in zip(ROLES, ("aa", "bb"), strict=True)
    }
    document = {
        **{key: base[key] for key in ("schema", "behaviour", "sensitive", "shows", "settings", "prompts")},
        "kind": "models",
        "model": {"base": "Some-0.5B", "instruct": "Some-0.5B-Instruct", "layers": 24, "neurons": 24 * WIDTH},
        "models": {role: _model(found, role) for role in ROLES},
        "overlap": [_shared("top 0.1 %", 14), _shared("top 200", 31)],
        "ranking": {
            "asked": "readout",
            "used": "delta_effect",
            "reason": "Some-0.5B does not show the behaviour",
        },
        "same_tokens": False,
        "multiplier": 0.0,
        "provenance": base["provenance"]
        | identities
        | {"command": "neuroswitch compare-models Some-0.5B Some-0.5B-Instruct --output runs/pair"},
        "warnings": [],
    }
    return document, found
