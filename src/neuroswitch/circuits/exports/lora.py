"""A circuit as a LoRA: multiplying neuron j by m adds (m - 1) W[:, j] x_j, a term of rank one.

A holds one-hot rows that select the neurons, B holds (m - 1) times what they write. The LoRA's rank is the
largest number of neurons in one layer; other layers are padded with zeros, because not every engine takes a
rank per layer. An engine that scales the adapter by s gives the multiplier 1 + s (m - 1): any strength from
one adapter.

Source of the form: Hu et al. (2021), arXiv:2106.09685. Engines: PEFT, vLLM and SGLang read
`lora`, Apple's mlx-lm reads `mlx`, its transpose.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from safetensors.torch import save as dump_tensors
from torch import Tensor

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports import ia3
from neuroswitch.circuits.exports.forms import exporters, require_dense, require_model
from neuroswitch.circuits.exports.written import written_by_site
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import new_folder, write_atomic, write_json

LARGEST_RANK = 512
"""vLLM's largest `max_lora_rank`; SGLang and llama.cpp have none so low."""


class Factors(NamedTuple):
    """The two factors of the change of one projection."""

    down: Float[Tensor, "lora_rank width"]
    up: Float[Tensor, "hidden lora_rank"]


def factors(circuit: Circuit, model: LanguageModel, strength: float, form: str) -> dict[str, Factors]:
    """Factor the change that a circuit makes: site path -> factors of one rank for all sites.

    Raises:
        UnsupportedModel: The circuit has neurons of fused experts, or too many in one layer.
    """
    require_dense(circuit, form)
    written, multipliers = written_by_site(circuit, model), circuit.site_multipliers(strength)
    lora_rank = max(map(len, written.values()))
    if lora_rank > LARGEST_RANK:
        raise UnsupportedModel(
            f"the circuit needs a LoRA of rank {lora_rank}",
            found=f"{lora_rank} neurons in one layer",
            expected=f"at most {LARGEST_RANK}, the limit of the engines that read it",
            do="export the form 'weights', which has no limit, or select a smaller circuit",
        )
    widths = {site.path: site.width for site in circuit.layout.sites}
    found = {}
    for path, columns in written.items():
        local, values = multipliers[path]
        down, up = torch.zeros(lora_rank, widths[path]), torch.zeros(columns.shape[1], lora_rank)
        down[torch.arange(len(local)), local] = 1.0
        up[:, : len(local)] = columns.T * (values - 1)
        found[path] = Factors(down, up)
    return found


@exporters.register("lora")
def export_lora(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write a PEFT LoRA folder."""
    model = require_model(base, "lora")
    found = factors(circuit, model, strength, "lora")
    tensors = {}
    for path, (down, up) in found.items():
        tensors[f"{ia3.PREFIX}{path}.lora_A.weight"] = down
        tensors[f"{ia3.PREFIX}{path}.lora_B.weight"] = up
    _require_applied(model, list(found), tensors)
    config = {
        **ia3.base_entries(circuit),
        "peft_type": "LORA",
        "r": _rank(found),
        "lora_alpha": _rank(found),
        "lora_dropout": 0.0,
        "bias": "none",
        "use_dora": False,
        "init_lora_weights": True,
        "target_modules": list(found),
    }
    return _write(destination, ia3.WEIGHTS, tensors, config)


def _require_applied(model: LanguageModel, targets: list[str], tensors: dict[str, Tensor]) -> None:
    """Refuse an adapter that PEFT would silently apply to other weights, or to none.

    PEFT renames the targets of LoRAs for mixtures of experts as if they came from an older checkpoint:
    `shared_experts.down_proj` ends like the projection of an expert.
    """
    try:
        from peft import LoraConfig
        from peft.utils.transformers_weight_conversion import (
            convert_peft_adapter_state_dict_for_transformers,
            convert_peft_config_for_transformers,
        )
    except ImportError:  # an older PEFT, which renames nothing
        return
    config = LoraConfig(target_modules=list(targets))
    convert_peft_config_for_transformers(config, model.module, None)
    lost = set(targets) - set(config.target_modules or ())
    kept = convert_peft_adapter_state_dict_for_transformers(model.module, config, dict(tensors))
    lost |= {name.partition(".lora_")[0].removeprefix(ia3.PREFIX) for name in set(tensors) - set(kept)}
    if lost:
        raise UnsupportedModel(
            f"PEFT does not apply a LoRA to {min(lost)} of a {model.identity.model_type}",
            found=f"{len(lost)} of {len(targets)} targets that it renames",
            do="export the form 'ia3', which PEFT applies as it is, or 'weights'",
        )


@exporters.register("mlx")
def export_mlx(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write an adapter folder of mlx-lm: `lora_a` (width, rank), `lora_b` (rank, hidden), scale 1.

    Written from the source of mlx-lm 0.32.2; never run on Apple hardware.
    """
    model = require_model(base, "mlx")
    found = factors(circuit, model, strength, "mlx")
    tensors = {}
    for path, (down, up) in found.items():
        tensors[f"{path}.lora_a"] = down.T.contiguous()
        tensors[f"{path}.lora_b"] = up.T.contiguous()
    layers = model.module.get_submodule(model.layers_path)
    parameters = {
        "rank": _rank(found),
        "scale": 1.0,
        "dropout": 0.0,
        # relative to a layer: mlx-lm adapts these modules in all layers; a layer that the file lacks stays as it is
        "keys": sorted({path.removeprefix(f"{model.layers_path}.").partition(".")[2] for path in found}),
    }
    config = {
        "fine_tune_type": "lora",
        "num_layers": len(list(layers.children())),
        "lora_parameters": parameters,
    }
    return _write(destination, "adapters.safetensors", tensors, config)


def _write(destination: Path, weights: str, tensors: dict[str, Tensor], config: dict[str, object]) -> Path:
    with new_folder(destination) as staging:
        write_atomic(staging / weights, dump_tensors(tensors, metadata={"format": "pt"}))
        write_json(staging / ia3.CONFIG, config)
    return destination


def _rank(found: dict[str, Factors]) -> int:
    return len(next(iter(found.values())).down)
