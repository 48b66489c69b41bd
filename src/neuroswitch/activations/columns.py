"""What a neuron writes: its column of the output projection.

Knows weights that are plain, quantised or offloaded; does not know scores or circuits.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import Experts, experts_of, plain_weight, resident, sizes, stream_width, summed


@torch.no_grad()
def columns(model: LanguageModel, ids: Int64[Tensor, " k"]) -> Float[Tensor, "k hidden"]:
    """Return what each neuron adds to its block's output when its activation is 1.

    Args:
        model: The model.
        ids: Flat neuron ids, shape (k,).

    Returns:
        Columns of the output projections in the order of `ids`, shape (k, hidden), float32, CPU.

    Raises:
        BadCircuit: An id is not a neuron of the model.
        UnsupportedModel: Neurons write into something else than the residual stream.
    """
    hidden = stream_width(model.module)
    found = torch.zeros(len(ids), hidden)
    for position, local in model.layout.by_position(ids):
        path, offset = model.layout.sites[position].path, model.layout.offsets[position]
        written = _columns_at(model, path, local).float().cpu()  # (n, H)
        if written.shape[1] != hidden:
            raise UnsupportedModel(
                f"the neurons of {path} do not write into the residual stream",
                found=f"{written.shape[1]} outputs",
                expected=f"{hidden}",
                do="use a ranking that does not read the output weights, such as 'delta'",
            )
        found[torch.isin(ids.cpu(), local + offset)] = written
    return found


def _columns_at(model: LanguageModel, path: str, local: Int64[Tensor, " n"]) -> Tensor:
    module = model.module.get_submodule(path)
    with resident(module):
        experts = experts_of(module)
        if experts is not None:
            return _expert_columns(experts, local)
        weight = plain_weight(module)
        if weight is not None:
            return weight.T[local]
        # a quantised map has no columns to index, but it maps unit vectors to them; its forward is
        # called past the hooks, so that an intervention that is open does not count
        unit = nn.functional.one_hot(local, sizes(module)[0]).to(model.device, model.module.dtype)
        return module.forward(unit) - module.forward(torch.zeros_like(unit))  # type: ignore[no-any-return]


def _expert_columns(experts: Experts, local: Int64[Tensor, " n"]) -> Tensor:
    outgoing = experts.outgoing
    found = outgoing.new_zeros(len(local), outgoing.shape[2])
    here, place = experts.place(local)
    found[here] = outgoing[place]
    return found if outgoing.shape[1] == experts.width else summed(found, experts.module)
