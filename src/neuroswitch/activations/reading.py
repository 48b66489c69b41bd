"""Read what a model computes at chosen tokens of each sequence, in one forward pass of its decoder.

The batch is padded on the right and has neither mask nor position ids. This is exact for causal
models, in which no token sees the padding behind it. The LM head does not run.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from neuroswitch.batching import NO_PREFIX, Prefix, compatible, padded, text_only
from neuroswitch.errors import BadPrompts, InterventionFailed
from neuroswitch.models import LanguageModel
from neuroswitch.sites import (
    NeuronLayout,
    Routing,
    Site,
    experts_at,
    first_tensor,
    gathered,
    hooked,
    local_part,
    weights_in_memory,
)

NO_NEURONS = NeuronLayout(())


@dataclass(frozen=True, eq=False)
class Activations:
    """What a model computed at the tokens that were read; float32, on the CPU.

    Attributes:
        neurons: Activation of every neuron that was asked for, shape (rows, neurons). It is not multiplied
            by the router's weight, and exactly 0 for experts that the token was not sent to.
        residual: Residual stream before the final norm, shape (rows, hidden).
        normed: Output of the decoder, which the LM head reads, shape (rows, hidden).
        outputs: Output of every module that was asked for, by path, each of shape (rows, hidden).
        routing: The router's decision at every site of experts, by site path.
    """

    neurons: Float[Tensor, "rows neurons"]
    residual: Float[Tensor, "rows hidden"]
    normed: Float[Tensor, "rows hidden"]
    outputs: Mapping[str, Float[Tensor, "rows hidden"]]
    routing: Mapping[str, Routing]


def read_neurons(model: LanguageModel, ids: Sequence[Sequence[int]]) -> Float[Tensor, "prompts neurons"]:
    """Return the neurons at the last token of each prompt."""
    return read_last_token(model, ids).neurons


def read_last_token(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    prefix: Prefix = NO_PREFIX,
    *,
    outputs: Sequence[str] = (),
) -> Activations:
    """Read every neuron at the last token of each prompt; arguments and errors as `read_tokens`."""
    return read_tokens(model, ids, [[len(prompt) - 1] for prompt in ids], prefix, outputs=outputs)


def read_outputs(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    paths: Sequence[str],
    prefix: Prefix = NO_PREFIX,
) -> Float[Tensor, "rows modules hidden"]:
    """Read the outputs of modules; arguments and errors as `read_tokens`.

    Args:
        model: As there.
        ids: As there.
        positions: As there.
        paths: Modules that return one vector for each token, such as layers; "" for the decoder's own
            output, which the LM head reads.
        prefix: As there.
    """
    modules = tuple(path for path in paths if path)
    read = read_tokens(model, ids, positions, prefix, layout=NO_NEURONS, outputs=modules)
    return torch.stack([read.outputs[path] if path else read.normed for path in paths], dim=1)


@torch.no_grad()
def read_tokens(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    prefix: Prefix = NO_PREFIX,
    *,
    layout: NeuronLayout | None = None,
    outputs: Sequence[str] = (),
) -> Activations:
    """Read neurons and outputs of modules at chosen tokens, in one batch where the model allows it.

    Args:
        model: The model, in the state that is to be read.
        ids: Token ids of each sequence, at least one each.
        positions: For each sequence the positions to read, none of them inside the prefix.
        prefix: What all sequences begin with, as `compute_prefix` made it in the same state.
        layout: The sites to read; None for all sites of the model.
        outputs: Paths of modules whose output is read, each one vector for each token.

    Returns:
        One row for each position, sequence by sequence.

    Raises:
        BadPrompts: A sequence has no tokens.
        InterventionFailed: A site or a module did not run, or does not see every token.
    """
    if not len(ids) or min(map(len, ids)) == 0:
        raise BadPrompts("a prompt without tokens has no last token", do="leave empty prompts out")
    groups = compatible(model, [len(sequence) for sequence in ids])
    parts = []
    for group in groups:
        batch = padded([ids[b] for b in group]).tokens[:, prefix.length :]  # (B, T)
        chosen = [
            b * batch.shape[1] + at - prefix.length for b, row in enumerate(group) for at in positions[row]
        ]
        rows = torch.tensor(chosen, dtype=torch.int64)
        past = prefix.expanded(len(group))
        state = {} if past is None else {"past_key_values": past}
        with (
            capturing(model, rows, tokens=batch.numel(), layout=layout, outputs=outputs) as capture,
            text_only(model.module),
        ):
            model.decoder(input_ids=batch.to(model.device), use_cache=past is not None, **state)
        parts.append(capture.activations())
    if len(parts) == 1:
        return parts[0]
    return _joined(parts, [b for group in groups for b in group for _ in positions[b]])


def _joined(parts: Sequence[Activations], sequences: Sequence[int]) -> Activations:
    """Put rows that were read in several batches into the order of their sequences."""
    order = torch.tensor(sequences, dtype=torch.int64).argsort(stable=True)

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(tensors))[order]

    return Activations(
        joined([part.neurons for part in parts]),
        joined([part.residual for part in parts]),
        joined([part.normed for part in parts]),
        {path: joined([part.outputs[path] for part in parts]) for path in parts[0].outputs},
        {
            path: Routing(
                joined([part.routing[path].experts for part in parts]),
                joined([part.routing[path].weights for part in parts]),
            )
            for path in parts[0].routing
        },
    )


@contextmanager
def capturing(
    model: LanguageModel,
    rows: Int64[Tensor, " rows"],
    *,
    tokens: int,
    layout: NeuronLayout | None = None,
    outputs: Sequence[str] = (),
) -> Iterator["Capture"]:
    """Capture activations while the block is open.

    The caller runs the decoder once inside the block, with whatever cache or mask it likes, and then
    calls `activations()` of the capture.

    Args:
        model: The model.
        rows: Tokens to read, as indices into the flattened batch: for prompt b of a (B, T) batch,
            b * T + position.
        tokens: Number of tokens of the batch, B * T; a module that sees another number is an error.
        layout: As for `read_tokens`.
        outputs: As for `read_tokens`.
    """
    capture = Capture(layout or model.layout, outputs, rows, tokens)
    with ExitStack() as hooks:
        for site in capture.layout.sites:
            module = model.module.get_submodule(site.path)
            see = capture.see_dense if site.kind == "dense" else capture.see_experts
            hooks.enter_context(hooked(module, before=partial(see, site)))
        for path in outputs:
            module = model.module.get_submodule(path)
            hooks.enter_context(hooked(module, after=partial(capture.see_output, path)))
        if model.final_norm is not None:
            hooks.enter_context(hooked(model.final_norm, before=capture.see_residual))
        hooks.enter_context(hooked(model.decoder, after=capture.see_normed))
        yield capture


class Capture:
    """What the hooks of `capturing` have seen so far; complete once the decoder has run."""

    def __init__(self, layout: NeuronLayout, paths: Sequence[str], rows: Tensor, tokens: int) -> None:
        self.layout, self.paths, self.rows, self.tokens = layout, paths, rows, tokens
        self.neurons: dict[str, Tensor] = {}  # (rows, width), or (rows, chosen, width) for experts
        self.routing: dict[str, Routing] = {}
        self.outputs: dict[str, Tensor] = {}
        self.residual: Tensor | None = None
        self.normed: Tensor | None = None

    def activations(self) -> Activations:
        """Put the sites together on the flat axis.

        Raises:
            InterventionFailed: The decoder, a site or a module has not run.
        """
        missing = [path for path in self.layout.paths if path not in self.neurons]
        missing += [path for path in self.paths if path not in self.outputs]
        if missing or self.normed is None:
            raise InterventionFailed(
                "the model was not read completely",
                found=f"no activation at {missing[0] if missing else 'the output of the decoder'}",
                expected="every module to run once in a forward pass of the decoder",
            )
        values = torch.zeros(len(self.rows), self.layout.size)
        for position, site in enumerate(self.layout.sites):
            span = values[:, self.layout.span(position)]
            if site.kind == "dense":
                span.copy_(self.neurons[site.path])
            else:
                _scatter(span, site, self.routing[site.path].experts, self.neurons[site.path])
        residual = self.normed if self.residual is None else self.residual
        return Activations(values, residual, self.normed, self.outputs, self.routing)

    def see_dense(
        self, site: Site, module: nn.Module, arguments: tuple[Tensor, ...], named: Mapping[str, Tensor]
    ) -> None:
        """Take neurons from the input of an output projection."""
        self._require_first_run(site.path)
        share = self._rows_of(module, (*arguments, *named.values()))
        self.neurons[site.path] = _kept(gathered(share, site.width, module))

    def see_experts(
        self, site: Site, module: nn.Module, arguments: tuple[Tensor, ...], named: Mapping[str, Tensor]
    ) -> None:
        """Compute the neurons of the chosen experts once more, from the input of their container."""
        self._require_first_run(site.path)
        inputs = (*arguments, *named.values())
        with weights_in_memory(module):
            experts = experts_at(module)
            routing, hidden = experts.routed(inputs, self.rows.to(inputs[0].device))
            share = experts.activations(routing, hidden)
            self.neurons[site.path] = _kept(gathered(share, site.width, module))
        self.routing[site.path] = Routing(routing.experts.cpu(), _kept(routing.weights))

    def see_output(
        self, path: str, module: nn.Module, arguments: object, named: object, output: object
    ) -> None:
        """Take the output of a module."""
        self.outputs[path] = _kept(self._rows_of(module, output))

    def see_residual(self, module: nn.Module, arguments: tuple[object, ...], named: object) -> None:
        """Take the input of the final norm."""
        self.residual = _kept(self._rows_of(module, arguments))

    def see_normed(self, module: nn.Module, arguments: object, named: object, output: object) -> None:
        """Take the output of the decoder."""
        self.normed = _kept(self._rows_of(module, output))

    def _rows_of(self, module: nn.Module, values: object) -> Tensor:
        # some modules are given and return (batch * time, width), others (batch, time, width)
        found = local_part(first_tensor(module, values))
        flat = found.reshape(-1, found.shape[-1])
        if len(flat) != self.tokens:
            raise InterventionFailed(
                f"a module ({type(module).__name__}) does not see every token of the batch",
                found=f"{len(flat)} tokens",
                expected=f"{self.tokens}",
            )
        return flat[self.rows.to(flat.device)]

    def _require_first_run(self, path: str) -> None:
        if path in self.neurons:
            raise InterventionFailed(
                f"{path} ran more than once in a forward pass",
                expected="one pass of the decoder, in which every site runs once",
            )


def weighted_by_router(read: Activations, layout: NeuronLayout) -> Float[Tensor, "rows neurons"]:
    """Multiply experts' neurons by the weight their router gave the expert; dense ones stay as they are."""
    values = read.neurons.clone()
    for position, site in enumerate(layout.sites):
        if site.kind == "experts":
            routing = read.routing[site.path]
            factors = torch.zeros(len(values), max(site.experts, int(routing.experts.max()) + 1))
            factors.scatter_(1, routing.experts, routing.weights)  # (rows, experts)
            values[:, layout.span(position)] *= factors[:, : site.experts].repeat_interleave(site.width, 1)
    return values


def _kept(values: Tensor) -> Tensor:
    return values.detach().float().cpu()


def _scatter(span: Tensor, site: Site, experts: Tensor, activations: Tensor) -> None:
    """Write the chosen experts' neurons (rows, chosen, I) to their places in (rows, experts * I)."""
    by_expert = span.view(len(span), site.experts, site.width)
    row, choice = torch.where(experts < site.experts)
    by_expert[row, experts[row, choice]] = activations[row, choice]
