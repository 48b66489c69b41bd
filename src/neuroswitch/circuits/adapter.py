"""A circuit as a PEFT IA3 adapter: the files that `peft` and `transformers` read by themselves.

IA3 multiplies the input of the modules it calls feed-forward, so a vector that is the
multiplier at the circuit's neurons and 1 elsewhere is the circuit, bit for bit.

Source: Liu et al. (2022), arXiv:2205.05638, section 3.3, where the vector is learned.
"""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save as dump_tensors

from neuroswitch.circuits.circuit import Circuit

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"

# model types whose projections are `Conv1D`, with weights (in, out)
TRANSPOSED = frozenset({"gpt2", "openai-gpt"})


def adapter_files(circuit: Circuit, strength: float) -> dict[str, bytes]:
    """Return the adapter's files: name -> content.

    Nothing where IA3 cannot express the circuit: neurons of fused experts are no module's
    input, and an empty circuit has no module to adapt.
    """
    sites = {site.path: site for site in circuit.layout.sites}
    local = circuit.layout.by_site(circuit.ids)
    multipliers = iter(circuit.multipliers(strength).split([len(indices) for indices in local.values()]))
    if not local or any(sites[path].kind == "experts" for path in local):
        return {}
    vectors = {}
    for path, indices in local.items():
        vector = torch.ones(1, sites[path].width)
        vector[0, indices] = next(multipliers)
        vectors[f"base_model.model.{path}.ia3_l"] = vector  # (1, width)
    pattern = "(?:.*\\.)?(?:" + "|".join(re.escape(path) for path in local) + ")"
    config = {
        **base_entries(circuit),
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
    """Return what every PEFT configuration of a circuit says: its base model and how to hold its weights."""
    model = circuit.provenance.model
    return {
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name(circuit),
        "revision": model.get("revision"),
        "fan_in_fan_out": model.get("model_type") in TRANSPOSED,
        "inference_mode": True,
        "modules_to_save": None,
    }


def base_name(circuit: Circuit) -> str:
    """Return where transformers finds the base model.

    The folder of a copy that was converted here, else the model's name; a path is made absolute,
    because a relative one would be resolved against the reader's folder.
    """
    model = circuit.provenance.model
    name = str(model.get("location") or model.get("name"))
    return str(Path(name).resolve()) if Path(name).exists() else name
