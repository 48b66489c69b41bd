"""The card of a circuit: a README with the metadata that the Hub reads, what was measured, and the limits.

Everything in it comes from the circuit's provenance and, where there is one, the summary of an experiment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import ModelCardData

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.publishing import public_name, without_paths
from neuroswitch.summary import Summary

TAGS = ["neuroswitch", "interpretability", "neuron-steering"]
CONDITIONS = {
    "untouched": "untouched",
    "cna": "circuit scaled",
    "circuit": "circuit scaled",
    "random": "random circuits, all seeds together",
}

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
    """What a card states besides the circuit's provenance.

    Attributes:
        license: Licence of the circuit, as the Hub abbreviates it.
        summary: Of the experiment that measured it.
    """

    license: str = "other"
    summary: Summary | None = None


def render_card(circuit: Circuit, name: str, facts: CardFacts, *, adapter: bool) -> str:
    """Write the card.

    Args:
        circuit: What it describes.
        name: Title, and what to call the repository in examples.
        facts: Licence and measurements.
        adapter: The folder is a PEFT adapter too.
    """
    provenance = circuit.provenance
    public = public_name(provenance.model)
    called = public or without_paths(str(provenance.model.get("name")))
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

# {name}: {len(circuit)} {circuit.layout.words} behind "{provenance.contrast}"

{circuit.counted()}, {circuit.fraction:.3%} of those of `{called}`, whose activations \
tell prompts that show the behaviour "{provenance.contrast}" from prompts that do not. At strength a a neuron is \
multiplied by 1 - a x dose: strength 1 ablates neurons of dose 1, strength -1 doubles them.

* Doses: {_doses(circuit)}
* Ranking: {provenance.ranking}; arguments: {provenance.arguments or "none"}
* Prompts: {provenance.contrast}, sha256 `{provenance.prompts_sha256}`
* Model: {_model(provenance.model)}
* {circuit.layout.words.capitalize()} by layer: {by_layer or "none"}
* Made {provenance.date or "at an unknown time"} with {_versions(provenance.versions)}

## Use

{_usage(name, public, circuit.layout.units, adapter=adapter)}
## What was measured

{_measured(facts.summary)}

## Limits

{LIMITS}
"""


def _doses(circuit: Circuit) -> str:
    lowest, highest = (float(circuit.doses.min()), float(circuit.doses.max())) if len(circuit) else (1.0, 1.0)
    return f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"


def _model(model: Mapping[str, object]) -> str:
    known = {
        key: model[key] for key in ("model_type", "revision", "dtype", "config_sha256") if model.get(key)
    }
    return ", ".join(f"{key} `{value}`" for key, value in known.items()) or "unknown"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items()) or "unknown versions"


def _usage(name: str, public: str | None, units: str, *, adapter: bool) -> str:
    options = "" if units == "mlp" else f', options=ns.LoadOptions(units="{units}")'
    native = f"""```python
import neuroswitch as ns

model = ns.load_model("{public or "folder of the base model"}"{options})
circuit = ns.Circuit.load("{name}", model)
with ns.scaled(model, circuit, multiplier=0.0):
    ...
```
"""
    if not adapter:
        return (
            native
            + "\nIts neurons belong to fused experts, so it has no adapter form: export it as weights.\n"
        )
    steered = f"""from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("{name}")  # base model and adapter: already steered"""
    if public is None:  # nothing can fetch the base model by name
        steered = f"""from peft import PeftModel

model = PeftModel.from_pretrained(base, "{name}")  # base: your own copy of the model; already steered"""
    return f"""```python
{steered}
```

or, at any multiplier:

{native}"""


def _measured(summary: Summary | None) -> str:
    """Write the rates of an experiment on this circuit as a table."""
    if summary is None:
        return "Nothing was measured for this card."
    rows = []
    for cell in summary.cells:
        state = CONDITIONS.get(cell.method.partition(":")[0], cell.method)
        if cell.strength:
            state += f", strength {cell.strength:g}"
        for name, words in (("behaviour", ""), ("benign", ", benign prompts")):
            if found := cell.measures.get(name):
                interval = f"{_percent(found.low)} to {_percent(found.high)}"
                rows.append(f"| {state}{words} | {_percent(found.value)} | {interval} | {found.n} |")
    table = "\n".join(["| condition | shows the behaviour | 95 % interval | n |", "|---|---|---|---|", *rows])
    return f"{_how(summary)}\n\n{table}"


def _how(summary: Summary) -> str:
    """List how the rates were measured."""
    asked = summary.option("prompts", "test_prompts")
    tested = [
        cell.tests["behaviour"].p
        for cell in summary.cells
        if cell.method == "cna" or cell.method.startswith("circuit:")
    ]
    p = next((p for p in tested if p is not None), None)
    parts = {
        # the name of the file only: the folders of the author's disk are private
        "held-out prompts": Path(str(asked)).name if asked else "those of the contrast set",
        "new tokens at most": summary.option("decoding", "max_new_tokens"),
        "p (McNemar, steered against untouched)": None if p is None else f"{p:.2g}",
        "judged by": summary.detector,
    }
    return "\n".join(f"* {name}: {value}" for name, value in parts.items() if value is not None)


def _percent(value: float | None) -> str:
    return "not judged" if value is None else f"{value:.1%}"
