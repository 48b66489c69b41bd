"""A circuit as a LoRA: multiplying neuron j by m adds (m - 1) W[:, j] x_j, a term of rank one.

A holds one-hot rows that pick the neurons, B holds (m - 1) times what they write, and the rank
is that of the fullest layer; the others are padded with zeros, because not every engine
takes a rank for each layer. An engine that scales the adapter by s gives the multiplier
1 + s (m - 1): one adapter is a dial.

Source of the form: Hu et al. (2021), arXiv:2106.09685. Engines: PEFT, vLLM and SGLang read
`lora`, Apple's mlx-lm reads `mlx`, its transpose.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from peft import LoraConfig
from safetensors.torch import save as dump_tensors
from torch import Tensor

from neuroswitch.circuits import adapter
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.forms import exporters, require_dense, require_model
from neuroswitch.circuits.exports.written import written_by_site
from neuroswitch.circuits.folders import new_folder
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import write_atomic, write_json

PREFIX = "base_model.model."
RANK_LIMIT = 512
"""vLLM's largest `max_lora_rank`; SGLang and llama.cpp have none so low."""


class Factors(NamedTuple):
    """The two factors of the change of one projection: `down` (rank, width) and `up` (hidden, rank)."""

    down: Float[Tensor, "rank width"]
    up: Float[Tensor, "hidden rank"]


def factors(circuit: Circuit, model: LanguageModel, strength: float, form: str) -> dict[str, Factors]:
    """Factor the change that a circuit makes: site path -> factors of one rank for all sites.

    Raises:
        UnsupportedModel: The circuit has neurons of fused experts, or too many in one layer.
    """
    require_dense(circuit, form)
    written = written_by_site(circuit, model)
    rank = max(len(columns) for columns in written.values())
    if rank > RANK_LIMIT:
        raise UnsupportedModel(
            f"the circuit needs a LoRA of rank {rank}",
            found=f"{rank} neurons in one layer",
            expected=f"at most {RANK_LIMIT}, the limit of the engines that read it",
            do="export the form 'weights', which has no limit, or select a smaller circuit",
        )
    local = circuit.layout.by_site(circuit.ids)
    widths = {site.path: site.width for site in circuit.layout.sites}
    counts = [len(indices) for indices in local.values()]
    changes = dict(zip(local, (circuit.multipliers(strength) - 1).split(counts), strict=True))
    return {
        path: _factors(local[path], columns, (rank, widths[path]), changes[path])
        for path, columns in written.items()
    }


def _factors(local: Tensor, columns: Tensor, shape: tuple[int, int], changes: Tensor) -> Factors:
    down, up = torch.zeros(shape), torch.zeros(columns.shape[1], shape[0])
    down[torch.arange(len(local)), local] = 1.0
    up[:, : len(local)] = columns.T * changes
    return Factors(down, up)


@exporters.register("lora")
def lora(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write a PEFT LoRA folder."""
    model = require_model(base, "lora")
    found = factors(circuit, model, strength, "lora")
    rank = len(next(iter(found.values())).down)
    tensors = {}
    for path, (down, up) in found.items():
        tensors[f"{PREFIX}{path}.lora_A.weight"] = down
        tensors[f"{PREFIX}{path}.lora_B.weight"] = up
    _require_applied(model, list(found), tensors)
    config = {
        **adapter.base_entries(circuit),
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_dora": False,
        "init_lora_weights": True,
        "target_modules": list(found),
    }
    return _write(destination, adapter.WEIGHTS, tensors, config)


def _require_applied(model: LanguageModel, targets: list[str], tensors: dict[str, Tensor]) -> None:
    """Refuse an adapter that PEFT would translate into one for other weights, silently.

    PEFT takes LoRAs of mixtures of experts for those of older checkpoints: `shared_experts.down_proj` ends like
    an expert's projection, and names are changed as those of the checkpoint are.
    """
    try:
        from peft.utils.transformers_weight_conversion import (
            convert_peft_adapter_state_dict_for_transformers,
            convert_peft_config_for_transformers,
        )
    except ImportError:  # PEFT before it translated anything
        return
    config = LoraConfig(target_modules=list(targets))
    convert_peft_config_for_transformers(config, model.module, None)
    lost = set(targets) - set(config.target_modules or ())
    kept = convert_peft_adapter_state_dict_for_transformers(model.module, config, dict(tensors))
    lost |= {name.partition(".lora_")[0].removeprefix(PREFIX) for name in set(tensors) - set(kept)}
    if lost:
        raise UnsupportedModel(
            f"PEFT does not apply a LoRA to {min(lost)} of a {model.identity.model_type}",
            found=f"{len(lost)} of {len(targets)} targets that it takes for others",
            do="export the form 'ia3', which PEFT applies as it is, or 'weights'",
        )


@exporters.register("mlx")
def mlx(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write an adapter folder of mlx-lm: `lora_a` (width, rank), `lora_b` (rank, hidden), scale 1.

    Written after mlx-lm 0.32.2's source; not run, for want of Apple hardware.
    """
    model = require_model(base, "mlx")
    found = factors(circuit, model, strength, "mlx")
    tensors = {}
    for path, (down, up) in found.items():
        tensors[f"{path}.lora_a"] = down.T.contiguous()
        tensors[f"{path}.lora_b"] = up.T.contiguous()
    layers = model.module.get_submodule(model.layers_path)
    parameters = {
        "rank": len(next(iter(found.values())).down),
        "scale": 1.0,
        "dropout": 0.0,
        # relative to a layer: mlx-lm adapts these in all of them, and what the file lacks changes nothing
        "keys": sorted({path.removeprefix(f"{model.layers_path}.").partition(".")[2] for path in found}),
    }
    config = {
        "fine_tune_type": "lora",
        "num_layers": len(list(layers.children())),
        "lora_parameters": parameters,
    }
    return _write(destination, "adapters.safetensors", tensors, config)


def _write(destination: Path, weights: str, tensors: dict[str, Tensor], config: dict[str, Any]) -> Path:
    with new_folder(destination) as staging:
        write_atomic(staging / weights, dump_tensors(tensors, metadata={"format": "pt"}))
        write_json(staging / adapter.CONFIG, config)
    return destination
