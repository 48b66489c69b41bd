"""Capture neurons and the final residual stream at chosen tokens of a forward pass that somebody else makes.

Knows hooks and rows of a batch; does not know prompts, padding or caches.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.errors import InterventionFailed
from neuroswitch.models import LanguageModel
from neuroswitch.sites import Routing, Site, experts_at, gathered, local, resident


@dataclass(frozen=True, eq=False)
class LastToken:
    """What a model did at the tokens that were read; float32 on the CPU.

    Attributes:
        neurons: Activation of every neuron, shape (rows, layout.size); exactly 0 for the
            neurons of experts that the token was not sent to, and not multiplied by the router.
        residual: Residual stream before the final norm, shape (rows, hidden).
        normed: The decoder's output, which the LM head reads, shape (rows, hidden).
        routing: The router's decision at every site of experts, by site path.
    """

    neurons: Float[Tensor, "rows neurons"]
    residual: Float[Tensor, "rows hidden"]
    normed: Float[Tensor, "rows hidden"]
    routing: Mapping[str, Routing]


@contextmanager
def capturing(model: LanguageModel, rows: Int64[Tensor, " rows"], *, tokens: int) -> Iterator["Capture"]:
    """Capture neurons and final residual stream while the block is open.

    The caller runs the decoder once inside the block, with whatever cache, mask or offload it
    likes, and then asks the capture for its `last_token()`.

    Args:
        model: The model.
        rows: Tokens to read, as indices into the flattened batch (batch * time): for prompt b of
            a (B, T) batch, b * T + position.
        tokens: Number of tokens of the batch, B * T; a site that sees another number is an error.
    """
    capture = Capture(model, rows, tokens)
    with ExitStack() as hooks:
        for site in model.layout.sites:
            see = partial(capture.see_dense if site.kind == "dense" else capture.see_experts, site)
            module = model.module.get_submodule(site.path)
            hooks.callback(module.register_forward_pre_hook(see, with_kwargs=True).remove)
        if model.final_norm is not None:
            hooks.callback(model.final_norm.register_forward_pre_hook(capture.see_residual).remove)
        hooks.callback(model.decoder.register_forward_hook(capture.see_output).remove)
        yield capture


class Capture:
    """What the hooks of `capturing` have seen so far; complete once the decoder has run."""

    def __init__(self, model: LanguageModel, rows: Int64[Tensor, " rows"], tokens: int) -> None:
        self.model, self.rows, self.tokens = model, rows, tokens
        self.neurons: dict[str, Tensor] = {}  # (rows, width), or (rows, chosen, width) for experts
        self.routing: dict[str, Routing] = {}
        self.residual: Tensor | None = None
        self.normed: Tensor | None = None

    def last_token(self) -> LastToken:
        """Put the sites together on the flat axis.

        Raises:
            InterventionFailed: The decoder, or a site of the model, has not run.
        """
        missing = [path for path in self.model.layout.paths if path not in self.neurons]
        if missing or self.normed is None:
            raise InterventionFailed(
                "the model was not read completely",
                found=f"no activation at {missing[0] if missing else 'the output of the decoder'}",
                expected="every site to run once in a forward pass of the decoder",
            )
        values = torch.zeros(len(self.rows), self.model.layout.size)
        for position, site in enumerate(self.model.layout.sites):
            span = values[:, self.model.layout.span(position)]
            if site.kind == "dense":
                span.copy_(self.neurons[site.path])
            else:
                _scatter(span, site, self.routing[site.path].experts, self.neurons[site.path])
        residual = self.normed if self.residual is None else self.residual
        return LastToken(values, residual, self.normed, self.routing)

    def see_dense(self, site: Site, module: nn.Module, arguments: Any, named: dict[str, Any]) -> None:
        """Pre-hook of an output projection: its input holds the neurons."""
        self._seen_once(site.path)
        share = self._read(*arguments, *named.values())
        self.neurons[site.path] = _kept(gathered(share, site.width, module))

    def see_experts(self, site: Site, module: nn.Module, arguments: Any, named: dict[str, Any]) -> None:
        """Pre-hook of a container of experts: compute the chosen experts' neurons once more."""
        self._seen_once(site.path)
        inputs = (*arguments, *named.values())
        with resident(module):
            experts = experts_at(module)
            routing, hidden = experts.routed(inputs, self.rows.to(inputs[0].device))
            share = experts.activations(routing, hidden)
            self.neurons[site.path] = _kept(gathered(share, site.width, module))
        self.routing[site.path] = Routing(routing.experts.cpu(), _kept(routing.weights))

    def see_residual(self, module: nn.Module, arguments: Any) -> None:
        """Pre-hook of the final norm."""
        self.residual = _kept(self._read(arguments[0]))

    def see_output(self, module: nn.Module, arguments: Any, output: Any) -> None:
        """Forward hook of the decoder."""
        self.normed = _kept(self._read(output[0]))

    def _read(self, values: Tensor) -> Tensor:
        # some blocks hand over (batch * time, width), others (batch, time, width)
        values = local(values)
        flat = values.reshape(-1, values.shape[-1])
        if len(flat) != self.tokens:
            raise InterventionFailed(
                "a site does not see every token of the batch",
                found=f"{len(flat)} tokens",
                expected=f"{self.tokens}",
            )
        return flat[self.rows.to(flat.device)]

    def _seen_once(self, path: str) -> None:
        if path in self.neurons:
            raise InterventionFailed(
                f"{path} ran more than once in a forward pass",
                expected="one pass of the decoder, in which every site runs once",
            )


def _kept(values: Tensor) -> Tensor:
    return values.detach().float().cpu()


def _scatter(span: Tensor, site: Site, experts: Tensor, activations: Tensor) -> None:
    """Write the chosen experts' neurons (rows, chosen, I) to their places in (rows, experts * I)."""
    by_expert = span.view(len(span), site.experts, site.width)
    row, choice = torch.where(experts < site.experts)
    by_expert[row, experts[row, choice]] = activations[row, choice]
