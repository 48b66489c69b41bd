"""A circuit as a PEFT IA3 adapter: the files that `peft` and `transformers` read by themselves.

IA3 multiplies the input of the modules that it calls feed-forward, whatever they are; attention's output
projection is one of them where a circuit has attention units. A vector that holds the multipliers of the
circuit's neurons, and 1 elsewhere, is the circuit, bit for bit.

Source: Liu et al. (2022), arXiv:2205.05638, section 3.3, where the vector is learned.
"""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save as dump_tensors

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.forms import exporters, require_dense
from neuroswitch.models import LanguageModel
from neuroswitch.storage import new_folder, write_atomic

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PREFIX = "base_model.model."
"""What PEFT puts before the path of a module."""

# model types whose projections are `Conv1D`, with weights (in, out)
TRANSPOSED = frozenset({"gpt2", "openai-gpt"})


@exporters.register("ia3")
def export_ia3(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write a PEFT IA3 folder; no weights of the base model are read."""
    require_dense(circuit, "ia3")
    with new_folder(destination) as staging:
        for name, content in adapter_files(circuit, strength).items():
            write_atomic(staging / name, content)
    return destination


def adapter_files(circuit: Circuit, strength: float, base: str | None = None) -> dict[str, bytes]:
    """Return the adapter's files: name -> content.

    Nothing where IA3 cannot hold the circuit: neurons of fused experts are the input of no module, and an
    empty circuit has no module to adapt.

    Args:
        circuit: Which neurons.
        strength: Of the adapter.
        base: What the configuration says of the base model; None names it as this machine finds it.
    """
    sites = {site.path: site for site in circuit.layout.sites}
    multipliers = circuit.site_multipliers(strength)
    if not multipliers or any(sites[path].kind == "experts" for path in multipliers):
        return {}
    vectors = {}
    for path, (local, values) in multipliers.items():
        vector = torch.ones(1, sites[path].width)
        vector[0, local] = values
        vectors[f"{PREFIX}{path}.ia3_l"] = vector  # (1, width)
    pattern = "(?:.*\\.)?(?:" + "|".join(re.escape(path) for path in multipliers) + ")"
    config = {
        **base_entries(circuit),
        **({} if base is None else {"base_model_name_or_path": base}),
        "peft_type": "IA3",
        "target_modules": pattern,
        "feedforward_modules": pattern,
        "init_ia3_weights": True,
    }
    return {
        WEIGHTS: dump_tensors(vectors, metadata={"format": "pt"}),
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
    }


def base_entries(circuit: Circuit) -> dict[str, object]:
    """Return the entries of every PEFT configuration of a circuit: its base model, and how its weights lie.

    The base model is named as transformers finds it: the folder of a copy that was converted here, else its
    name. A path is made absolute, because a relative one would be looked up in the reader's folder.
    """
    model = circuit.provenance.model
    name = str(model.get("location") or model.get("name"))
    return {
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(Path(name).resolve()) if Path(name).exists() else name,
        "revision": model.get("revision"),
        "fan_in_fan_out": model.get("model_type") in TRANSPOSED,
        "inference_mode": True,
        "modules_to_save": None,
    }
