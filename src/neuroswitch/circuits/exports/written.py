"""What a circuit's neurons write, and where that stands in the checkpoint.

Works on a model with weights in memory, and on one without (on the meta device) whose
checkpoint is read instead, one tensor at a time. transformers' own conversion says under which
names the checkpoint holds a parameter: fused experts stand there one by one.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from transformers.core_model_loading import revert_weight_conversion
from transformers.pytorch_utils import Conv1D

from neuroswitch.activations import output_columns
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.checkpoint import checkpoint_of
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import experts_of


def written_by_site(circuit: Circuit, model: LanguageModel) -> dict[str, Float[Tensor, "k hidden"]]:
    """Return the columns of the output projections: site path -> one row for each of its neurons.

    Only dense sites; rows in the order of `circuit.ids`, float32, CPU.
    """
    by_site = circuit.layout.by_site(circuit.ids)
    if model.module.device.type != "meta":
        rows = iter(output_columns(model, circuit.ids))
        return {path: torch.stack([next(rows) for _ in local]) for path, local in by_site.items()}
    checkpoint = checkpoint_of(model)
    # a checkpoint holds weights that layers share once
    holder = {site.path: site.tied_to or site.path for site in circuit.layout.sites}
    found = {}
    for path, local in by_site.items():
        module = model.module.get_submodule(path)
        (name,) = _in_checkpoint(model, f"{holder[path]}.weight", torch.zeros(1, 1, dtype=torch.bool))
        weight = checkpoint.find(name).values()
        found[path] = (weight if isinstance(module, Conv1D) else weight.T)[local].float()
    return found


def touched_values(circuit: Circuit, model: LanguageModel) -> dict[str, Bool[Tensor, "..."]]:
    """Return the weights that scaling the circuit changes: name in the checkpoint -> mask of its shape.

    Raises:
        UnsupportedModel: Layers share the weights, so that a change would reach more than one.
    """
    masks = {}
    for path, local in circuit.layout.by_site(circuit.ids).items():
        _require_own_weights(model, path)
        name, mask = _mask(model.module.get_submodule(path), local)
        named = _in_checkpoint(model, f"{path}.{name}", mask)
        masks.update({name: mask for name, mask in named.items() if bool(mask.any())})
    return masks


def _mask(module: nn.Module, local: Int64[Tensor, " n"]) -> tuple[str, Tensor]:
    """Mark what some neurons of a site write with: name of the parameter in the module, mask."""
    experts = experts_of(module)
    parameter: Tensor
    if experts is None:
        name, parameter = "weight", module.get_parameter("weight")
        written = parameter if isinstance(module, Conv1D) else parameter.T
        place: tuple[Tensor, ...] = (local,)
    else:
        written = experts.outgoing
        base = written if written._base is None else written._base
        name, parameter = next(item for item in module.named_parameters() if item[1] is base)
        place = (local // written.shape[1], local % written.shape[1])
    mask = torch.zeros(parameter.shape, dtype=torch.bool)
    # the same view of the mask as `written` is of the parameter, whatever the order of its axes
    mask.as_strided(written.shape, written.stride(), written.storage_offset())[place] = True
    return name, mask


def _in_checkpoint(model: LanguageModel, name: str, tensor: Tensor) -> dict[str, Tensor]:
    try:
        reverted: dict[str, Tensor] = revert_weight_conversion(model.module, {name: tensor})
    except ValueError as error:
        raise UnsupportedModel(
            f"the checkpoint of a {model.identity.model_type} holds {name} only together with others",
            found=str(error),
            expected="a parameter that can be converted by itself",
            do="use the circuit's own folder, with neuroswitch or, without fused experts, with PEFT",
        ) from error
    return reverted


def _require_own_weights(model: LanguageModel, path: str) -> None:
    own = next(model.module.get_submodule(path).parameters())
    sharing = [
        other
        for other in model.layout.paths
        if any(parameter is own for parameter in model.module.get_submodule(other).parameters())
    ]
    if len(sharing) > 1:
        raise UnsupportedModel(
            "layers of this model share their weights, so baking the circuit in would steer all of them",
            found=f"{' and '.join(sharing[:2])} are one parameter",
            do="export the form 'ia3', which multiplies activations of one layer",
        )
