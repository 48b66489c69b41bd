"""The rows of a run's conditions -> `summary.json`, as `reporting.schema.RunSummary` describes it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from neuroswitch.chat import encode, read_token
from neuroswitch.circuits import Circuit, promoted_tokens
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.counts import Conditions, count
from neuroswitch.experiment.old_settings import RunSettings
from neuroswitch.models import LanguageModel
from neuroswitch.provenance import command_line, now, versions
from neuroswitch.report import SCHEMA
from neuroswitch.storage import digest

TOP = 24
"""Neurons shown in the report."""


def summarise(
    model: LanguageModel,
    behaviour: Behaviour,
    settings: RunSettings,
    circuit: Circuit,
    conditions: Conditions,
    *,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Turn rows into the numbers of the report, with intervals and paired tests."""
    detector = behaviour.detector
    return {
        "schema": SCHEMA,
        "kind": "run",
        "behaviour": behaviour.name,
        "sensitive": behaviour.sensitive,
        "shows": sorted(detector.shows),
        "model": asdict(model.identity),
        **count(conditions, detector),
        "circuit": circuit_facts(model, circuit, settings.multiplier),
        "settings": settings.to_json(),
        "prompts": _prompts(model, behaviour, settings, conditions),
        "provenance": {
            "versions": versions(),
            "date": now(),
            "command": command_line(),
            "detector": detector.how,
            "circuit": circuit.provenance.to_json(),
        },
        "warnings": [*warnings, *_shared_weights(circuit), *_broken_off(settings)],
    }


def _shared_weights(circuit: Circuit) -> list[str]:
    count = circuit.sharing()
    if not count:
        return []
    return [
        f"{count} of the {len(circuit)} neurons lie in layers that share their weights with other layers. They were "
        "scaled in their own layer only; the circuit cannot be exported as weights."
    ]


def _broken_off(settings: RunSettings) -> list[str]:
    if not settings.until_settled:
        return []
    return [
        "Answers were broken off once their verdict could no longer change, so their quality was not measured."
    ]


def circuit_facts(model: LanguageModel, circuit: Circuit, multiplier: float) -> dict[str, Any]:
    """Describe a circuit: its size, its layers, its strongest neurons with the tokens they promote."""
    strongest = circuit.strongest(TOP)
    # without weights in memory it is not known what a neuron promotes
    known = model.module.device.type != "meta"
    tokens = promoted_tokens(model, strongest) if known else [[]] * len(strongest)
    layers = range(max(site.layer for site in circuit.layout.sites) + 1)
    by_layer = circuit.by_layer()
    top = [
        {
            **neuron._asdict(),
            "score": float(strongest.scores[i]),
            "positive_mean": float(strongest.positive_mean[i]),
            "negative_mean": float(strongest.negative_mean[i]),
            "tokens": tokens[i],
        }
        for i, neuron in enumerate(strongest.neurons())
    ]
    return {
        "neurons": len(circuit),
        "fraction": circuit.fraction,
        "by_layer": {str(layer): by_layer.get(layer, 0) for layer in layers},
        "ranking": circuit.provenance.ranking,
        "multiplier": multiplier,
        "top": sorted(top, key=lambda neuron: -abs(neuron["score"])),
    }


def _prompts(
    model: LanguageModel, behaviour: Behaviour, settings: RunSettings, conditions: Conditions
) -> dict[str, Any]:
    contrast = behaviour.contrast
    first = contrast.discovery.positive[0]
    token = read_token(model.tokenizer, encode(model.tokenizer, first, settings.chat))
    return {
        "contrast": contrast.name,
        "sha256": contrast.sha256,
        "discovery": [len(pile) for pile in contrast.discovery],
        "test": [len(conditions.baseline), len(conditions.benign_baseline)],
        "test_prompts": settings.test_prompts or "the contrast set's own",
        "test_sha256": digest([row["prompt"] for row in conditions.baseline]),
        "token_read": f"{token.text!r}, the last of the prompt",
    }
