"""What a circuit's neurons write, and where the checkpoint holds it.

For a model without weights in memory (on the meta device) the checkpoint is read, one tensor at a time.
transformers' own conversion gives the names in the checkpoint, where fused experts may be separate tensors.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from transformers.core_model_loading import revert_weight_conversion
from transformers.pytorch_utils import Conv1D

from neuroswitch.activations import output_columns
from neuroswitch.checkpoints import checkpoint_of
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import experts_of


def written_by_site(circuit: Circuit, model: LanguageModel) -> dict[str, Float[Tensor, "k hidden"]]:
    """Return what the neurons write: site path -> one row for each of its neurons, float32, CPU.

    Only dense sites; rows in the order of `circuit.ids`.
    """
    by_site = circuit.layout.by_site(circuit.ids)
    if model.module.device.type != "meta":
        rows = output_columns(model, circuit.ids).split([len(local) for local in by_site.values()])
        return dict(zip(by_site, rows, strict=True))
    checkpoint = checkpoint_of(model)
    # a checkpoint holds weights that several layers share only once
    holder = {site.path: site.tied_to or site.path for site in circuit.layout.sites}
    found = {}
    for path, local in by_site.items():
        module = model.module.get_submodule(path)
        (name,) = _in_checkpoint(model, f"{holder[path]}.weight", torch.zeros(1, 1))
        weight = checkpoint.find(name).values()
        found[path] = (weight if isinstance(module, Conv1D) else weight.T)[local].float()
    return found


def written_multipliers(
    circuit: Circuit, model: LanguageModel, strength: float
) -> Iterator[tuple[str, Float[Tensor, "..."]]]:
    """Yield the weights that scaling the circuit changes: name in the checkpoint, multiplier of every value.

    Values that stay have the multiplier 1. One tensor is in memory at a time.

    Raises:
        UnsupportedModel: Layers share the weights, so that a change would reach more than one.
    """
    for path, (local, multipliers) in circuit.site_multipliers(strength).items():
        _require_own_weights(model, path)
        name, values = _spread(model.module.get_submodule(path), local, multipliers)
        for key, tensor in _in_checkpoint(model, f"{path}.{name}", values).items():
            if bool((tensor != 1).any()):
                yield key, tensor


def _spread(
    module: nn.Module, local: Int64[Tensor, " n"], multipliers: Float[Tensor, " n"]
) -> tuple[str, Float[Tensor, "..."]]:
    """Return the name of a site's parameter in its module, and the multiplier of each of its values."""
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
    values = torch.ones(parameter.shape)
    # the same view of it as `written` is of the parameter, whatever the order of its axes
    values.as_strided(written.shape, written.stride(), written.storage_offset())[place] = multipliers[:, None]
    return name, values


def _in_checkpoint(model: LanguageModel, name: str, tensor: Tensor) -> dict[str, Tensor]:
    try:
        reverted: dict[str, Tensor] = revert_weight_conversion(model.module, {name: tensor})
    except ValueError as error:
        raise UnsupportedModel(
            f"the checkpoint of a {model.identity.model_type} holds {name} only together with others",
            found=str(error),
            expected="a parameter that can be converted by itself",
            do="use the circuit folder itself, with neuroswitch or, without fused experts, with PEFT",
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
            "layers of this model share their weights, so changing them would steer all of these layers",
            found=f"{' and '.join(sharing[:2])} are one parameter",
            do="export the form 'ia3', which multiplies activations of one layer",
        )
