"""Prove with one small forward pass that neurons can be read and scaled at the sites that were found.

Names and shapes can mislead: a kernel may bypass a projection, a layer may run twice or never, a
model may look at later tokens. After the probe a reading is exact and a scaling takes effect.
"""

from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuroswitch.errors import UnsupportedModel
from neuroswitch.sites.experts import experts_at
from neuroswitch.sites.finding import SiteMap
from neuroswitch.sites.layers import (
    decoder_of,
    find_towers,
    model_config,
    random_tokens,
    text_config,
    token_embedding,
)
from neuroswitch.sites.layout import Site
from neuroswitch.sites.modules import hooked, plain_weight, weight_device, weights_in_memory

SHARED, LENGTH = 4, 8
"""Two sequences of LENGTH tokens begin with SHARED equal ones."""


class _Call(NamedTuple):
    arguments: tuple[Tensor, ...]
    output: Tensor


@torch.no_grad()
def probe(module: nn.Module, found: SiteMap) -> None:
    """Run two short random sequences through the decoder and check every site.

    Every site must run exactly once and see every token with the expected width; its output must be
    its weights times the neurons; later tokens must not change earlier ones; layers that were left
    out because their names say images or sound must not run.

    Args:
        module: The model, weights in memory or offloaded, in evaluation mode.
        found: What `find_sites` returned for it.

    Raises:
        UnsupportedModel: One of these does not hold.
    """
    calls: dict[str, list[_Call]] = {path: [] for path in found.layout.paths}
    with ExitStack() as hooks:
        for path in found.layout.paths:
            hooks.enter_context(hooked(module.get_submodule(path), after=partial(_record, calls[path])))
        for tower in find_towers(module, found.layers_path):
            hooks.enter_context(hooked(tower[0], before=_refuse_tower))
        output, ids = _run(module, found)
    for site in found.layout.sites:
        _check_once(site, calls[site.path], len(set(found.layout.paths)))
        _check_output(site, module.get_submodule(site.path), calls[site.path][0])
    _check_causal(output)
    _check_answers_text(module, ids)


def _run(module: nn.Module, found: SiteMap) -> tuple[Tensor, Tensor]:
    (ids,) = random_tokens(module, (2, LENGTH), seed=0)
    ids[1, :SHARED] = ids[0, :SHARED]
    ids = ids.to(weight_device(next(token_embedding(module).parameters())))
    try:
        output: Tensor = decoder_of(module, found.layers_path)(input_ids=ids, use_cache=False)[0]
    except (TypeError, AttributeError, ValueError, AssertionError) as error:
        raise _needs_more_than_text(module, error) from error
    return output, ids  # (2, LENGTH, H), (2, LENGTH)


def _check_answers_text(module: nn.Module, ids: Tensor) -> None:
    """Run a model that has a text decoder inside as a whole: it may need an image."""
    if text_config(module) is model_config(module):
        return
    try:
        module(input_ids=ids, use_cache=False)
    except (TypeError, AttributeError, ValueError, AssertionError) as error:
        raise _needs_more_than_text(module, error) from error


def _needs_more_than_text(module: nn.Module, error: Exception) -> UnsupportedModel:
    return UnsupportedModel(
        f"{type(module).__name__} does not run on text alone",
        found=f"{type(error).__name__}: {error}",
        expected="a language model that needs input_ids only",
    )


def _refuse_tower(layer: nn.Module, arguments: object, named: object) -> None:
    raise UnsupportedModel(
        f"{type(layer).__name__} has the name of a part for images or sound, and runs on text",
        expected="text to go through one list of layers, so that none is left out silently",
        do="choose the sites yourself with sites='...'",
    )


def _record(
    calls: list[_Call],
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    named: dict[str, Tensor],
    output: Tensor,
) -> None:
    # copied, because some models add the residual stream to it in place
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
        with weights_in_memory(module):
            experts = experts_at(module)
            if experts.outgoing.shape[1] != site.width:
                return  # sharded: each process computes a part of the sum
            expected = experts.output(*experts.routed(call.arguments, row))
            output = experts.of_rows(call.output, row)
    else:
        values, weight = call.arguments[0].reshape(2 * LENGTH, -1)[row], plain_weight(module)
        if weight is None or values.shape[-1] != site.width:
            return  # quantised, offloaded or sharded: there are no weights to compare with
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
    """Compare up to rounding; an error would be as large as the values themselves."""
    tolerance = 1e-3 if left.dtype in (torch.float32, torch.float64) else 0.1
    scale = float(right.abs().max())
    return float((left.float() - right.float()).abs().max()) <= tolerance * scale + 1e-6
