"""Prove with one small forward pass that the sites of a model are what they claim to be.

Names and shapes can mislead: a kernel may bypass a projection, a layer may run twice or never, a
model may look at the tokens to come. After the probe a reading is exact and a scaling takes effect.
"""

from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuroswitch.errors import UnsupportedModel
from neuroswitch.models.experts import experts_at
from neuroswitch.models.layers import decoder_of, token_embedding
from neuroswitch.models.layout import Site
from neuroswitch.models.linear import plain_weight, resident
from neuroswitch.models.sites import SiteMap

SHARED, LENGTH = 4, 8
"""Two sequences of LENGTH tokens begin with SHARED equal ones."""


class _Call(NamedTuple):
    arguments: tuple[Any, ...]
    output: Tensor


@torch.no_grad()
def probe(module: nn.Module, found: SiteMap) -> None:
    """Run two short random sequences through the decoder and check every site.

    Proven: every site runs exactly once and sees every token with the expected width; what it
    puts out is its weights times the neurons; later tokens do not change earlier ones.

    Args:
        module: The model, weights in memory or offloaded, in evaluation mode.
        found: What `find_sites` returned for it.

    Raises:
        UnsupportedModel: One of these does not hold.
    """
    calls: dict[str, list[_Call]] = {path: [] for path in found.layout.paths}
    with ExitStack() as hooks:
        for path in found.layout.paths:
            hook = partial(_remember, calls[path])
            hooks.callback(module.get_submodule(path).register_forward_hook(hook, with_kwargs=True).remove)
        output = _run(module, found)
    for site in found.layout.sites:
        _check_once(site, calls[site.path], len(set(found.layout.paths)))
        _check_output(site, module.get_submodule(site.path), calls[site.path][0])
    _check_causal(output)


def _run(module: nn.Module, found: SiteMap) -> Tensor:
    embedding = next(token_embedding(module).parameters())
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, len(embedding), (2, LENGTH), generator=generator)
    ids[1, :SHARED] = ids[0, :SHARED]
    device = torch.device("cpu") if embedding.is_meta else embedding.device
    output: Tensor = decoder_of(module, found.layers_path)(input_ids=ids.to(device), use_cache=False)[0]
    return output  # (2, LENGTH, H)


def _remember(
    calls: list[_Call], module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Tensor
) -> None:
    # copied, because some models go on to add the residual stream to it in place
    calls.append(_Call((*arguments, *named.values()), output.clone()))


def _check_once(site: Site, calls: list[_Call], sites: int) -> None:
    if len(calls) != 1:
        raise UnsupportedModel(
            f"{site.path} does not run once in a forward pass",
            found=f"it ran {len(calls)} times; the model has {sites} sites",
            expected="every site to run exactly once",
            do="turn fused kernels off (use_kernels=False), or choose the sites yourself with sites='...'",
        )
    values: Tensor = calls[0].arguments[0]
    tokens = values.numel() // values.shape[-1]
    if site.kind == "dense" and (site.width % values.shape[-1] or tokens != 2 * LENGTH):
        raise UnsupportedModel(
            f"the input of {site.path} is not a row of neurons for every token",
            found=f"shape {tuple(values.shape)}",
            expected=f"{2 * LENGTH} tokens, {site.width} neurons",
        )


def _check_output(site: Site, module: nn.Module, call: _Call) -> None:
    """Compare the output for the first token with the weights times the neurons."""
    row = torch.zeros(1, dtype=torch.int64)
    if site.kind == "experts":
        with resident(module):
            experts = experts_at(module)
            if experts.outgoing.shape[1] != site.width:
                return  # sharded: each rank knows a part of the sum
            expected = experts.output(*experts.routed(call.arguments, row))
            output = experts.of_rows(call.output, row)
    else:
        values, weight = call.arguments[0].reshape(2 * LENGTH, -1)[row], plain_weight(module)
        if weight is None or values.shape[-1] != site.width:
            return  # quantised, offloaded or sharded: no weights at hand that could be compared
        expected = functional.linear(values, weight, dict(module.named_parameters()).get("bias"))
        output = call.output.reshape(2 * LENGTH, -1)[row]
    if not _close(expected, output):
        raise UnsupportedModel(
            f"the output of {site.path} is not its weights times its neurons",
            found=f"{type(module).__name__}, off by {float((expected - output).abs().max()):.2g}",
            do="remove adapters or kernels that change the projection",
        )


def _check_causal(output: Tensor) -> None:
    if not _close(output[0, SHARED - 1], output[1, SHARED - 1]):
        raise UnsupportedModel(
            "the model looks at tokens that come later, so a prompt cannot be read in a padded batch",
            expected="a causal language model; for BERT-like ones, is_decoder=True",
        )


def _close(left: Tensor, right: Tensor) -> bool:
    """Compare up to rounding: a wrong site or a leak is as large as the values themselves."""
    tolerance = 1e-3 if left.dtype in (torch.float32, torch.float64) else 0.1
    scale = float(right.abs().max())
    return float((left.float() - right.float()).abs().max()) <= tolerance * scale + 1e-6
