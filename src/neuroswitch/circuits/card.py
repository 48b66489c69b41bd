"""The card of a circuit: a README with the metadata that the Hub reads, what was measured, and the limits.

Written from the circuit's own provenance and, where there is one, from the summary of a run; nothing
is claimed that neither of them holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from neuroswitch.circuits.circuit import Circuit

TAGS = ["neuroswitch", "interpretability", "neuron-steering"]
CONDITIONS = {
    "baseline": "unsteered",
    "steered": "circuit scaled",
    "random": "random circuits, pooled over seeds",
}
BENIGN = {"baseline": "benign prompts, unsteered", "steered": "benign prompts, circuit scaled"}

LIMITS = """\
* It belongs to one checkpoint. On another one, a fine-tune included, it changes arbitrary neurons; neuroswitch
  refuses it there, other readers do not.
* It was found on the prompts named above; how far the behaviour switches on other prompts, languages or
  longer conversations is not known unless it is listed under what was measured.
* Scaling neurons changes more than the behaviour it was found for. Measure what matters to you at the multiplier
  that you use.
* It makes a model do less or more of something that the model can do already. It is no safety measure."""


@dataclass(frozen=True)
class CardFacts:
    """What a card says besides what the circuit knows of itself.

    Attributes:
        license: Licence of the circuit, as the Hub abbreviates it.
        summary: The `summary.json` of the run that measured it, as an object.
    """

    license: str = "other"
    summary: Mapping[str, Any] | None = None


def render(circuit: Circuit, name: str, facts: CardFacts, *, adapter: bool) -> str:
    """Write the card.

    Args:
        circuit: What it describes.
        name: Title, and what to call the repository in examples.
        facts: Licence and measurements.
        adapter: The folder is a PEFT adapter too.
    """
    provenance = circuit.provenance
    base = str(provenance.model.get("name"))
    public = None if Path(base).is_absolute() or Path(base).exists() else base
    metadata = ModelCardData(
        library_name="peft" if adapter else "neuroswitch",
        base_model=public,
        base_model_relation="adapter" if public else None,
        license=facts.license,
        tags=[*TAGS, *(["ia3"] if adapter else [])],
    )
    by_layer = ", ".join(f"{layer}: {count}" for layer, count in circuit.by_layer().items())
    return f"""---
{metadata.to_yaml()}
---

# {name}: {len(circuit)} neurons behind "{provenance.contrast}"

{len(circuit)} MLP neurons, {circuit.fraction:.3%} of those of `{public or Path(base).name}`, whose activations \
tell prompts that show the behaviour "{provenance.contrast}" from prompts that do not. Multiplied by 0 they are \
ablated, above 1 amplified.

* Ranking: {provenance.ranking}; arguments: {provenance.arguments or "none"}
* Prompts: {provenance.contrast}, sha256 `{provenance.prompts_sha256}`
* Model: {_model(provenance.model)}
* Neurons by layer: {by_layer or "none"}
* Made {provenance.date or "at an unknown time"} with {_versions(provenance.versions)}

## Use

{_usage(name, adapter=adapter)}
## What was measured

{_measured(facts.summary)}

## Limits

{LIMITS}
"""


def _model(model: Mapping[str, Any]) -> str:
    known = {
        key: model[key] for key in ("model_type", "revision", "dtype", "config_sha256") if model.get(key)
    }
    return ", ".join(f"{key} `{value}`" for key, value in known.items()) or "unknown"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items()) or "unknown versions"


def _usage(name: str, *, adapter: bool) -> str:
    native = f"""```python
import neuroswitch as ns

model = ns.load_model("the base model")
circuit = ns.load_circuit("{name}", model)
with ns.scaled(model, circuit, multiplier=0.0):
    ...
```
"""
    if not adapter:
        return (
            native
            + "\nIts neurons belong to fused experts, so it has no adapter form: export it as weights.\n"
        )
    return f"""```python
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("{name}")  # base model and adapter: already steered
```

or, at any multiplier:

{native}"""


def _measured(summary: Mapping[str, Any] | None) -> str:
    if summary is None:
        return "Nothing was measured for this card."
    benign = summary.get("benign", {})
    found = {
        **{words: summary.get(name) for name, words in CONDITIONS.items()},
        **{words: benign.get(name) for name, words in BENIGN.items()},
    }
    rows = [
        f"| {words} | {_percent(rate, 'rate')} | {_percent(rate, 'low')} to {_percent(rate, 'high')} "
        f"| {rate['n']} |"
        for words, rate in found.items()
        if rate is not None
    ]
    table = "\n".join(["| condition | shows the behaviour | 95 % interval | n |", "|---|---|---|---|", *rows])
    return f"{_how(summary)}\n\n{table}"


def _how(summary: Mapping[str, Any]) -> str:
    """Say how the rates of a run were obtained, as far as its summary does."""
    provenance, prompts = summary.get("provenance", {}), summary.get("prompts", {})
    decoding = summary.get("settings", {}).get("decoding", {})
    # a file by its name only: where it lies on somebody's disk is nobody's business
    asked = Path(str(prompts["test_prompts"])).name if "test_prompts" in prompts else None
    parts = {
        "multiplier": summary.get("circuit", {}).get("multiplier"),
        "held-out prompts": asked,
        "new tokens at most": decoding.get("max_new_tokens"),
        "p (McNemar, steered against unsteered)": summary.get("tests", {}).get("steered", {}).get("p"),
        "date": str(provenance.get("date", ""))[:10] or None,
        "judged by": provenance.get("detector", "unknown"),
    }
    said = {name: f"{value:.2g}" if isinstance(value, float) else value for name, value in parts.items()}
    return "\n".join(f"* {name}: {value}" for name, value in said.items() if value is not None)


def _percent(measured: Mapping[str, Any], key: str) -> str:
    return "not judged" if measured[key] is None else f"{measured[key]:.1%}"
