"""Read the neurons of a model at one token of each prompt, or at chosen tokens.

One batch, padded on the right, without mask or position ids: exact for causal models, where a
token never sees the padding after it. The decoder runs alone, so the LM head never does.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations.capture import LastToken, capturing
from neuroswitch.batching import NOTHING, Prefix, compatible, text_only
from neuroswitch.errors import BadPrompts
from neuroswitch.models import LanguageModel
from neuroswitch.sites import NeuronLayout, Routing


def read_neurons(model: LanguageModel, ids: Sequence[Sequence[int]]) -> Float[Tensor, "prompts neurons"]:
    """Return `read_last_token(model, ids).neurons`."""
    return read_last_token(model, ids).neurons


def read_last_token(
    model: LanguageModel, ids: Sequence[Sequence[int]], prefix: Prefix = NOTHING
) -> LastToken:
    """Read every neuron at the last token of each prompt, in one batch.

    Args:
        model: The model.
        ids: Token ids of each prompt, at least one each.
        prefix: What all prompts begin with, as `compute_prefix` made it.

    Raises:
        BadPrompts: A prompt has no tokens.
        InterventionFailed: A site of the model did not run.
    """
    return read_tokens(model, ids, [[len(prompt) - 1] for prompt in ids], prefix)


@torch.no_grad()
def read_tokens(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    prefix: Prefix = NOTHING,
) -> LastToken:
    """Read every neuron at chosen tokens of each sequence, in one batch where the model allows it.

    Args:
        model: The model.
        ids: Token ids of each sequence, at least one each.
        positions: For each sequence the positions to read, none of them inside the prefix.
        prefix: What all sequences begin with, as `compute_prefix` made it.

    Returns:
        One row for each position, sequence by sequence.

    Raises:
        BadPrompts: A sequence has no tokens.
        InterventionFailed: A site of the model did not run.
    """
    if not len(ids) or min(map(len, ids)) == 0:
        raise BadPrompts("a prompt without tokens has no last token", do="leave empty prompts out")
    groups = compatible(model, [len(sequence) for sequence in ids])
    if len(groups) > 1:
        return _read_apart(model, ids, positions, prefix, groups)
    rest = [list(sequence[prefix.length :]) for sequence in ids]
    longest = max(map(len, rest))
    # padded with a token of the prompt: some models derive a mask or positions from the pad token
    batch = torch.tensor(
        [[*sequence, *[sequence[-1]] * (longest - len(sequence))] for sequence in rest]
    )  # (B, T)
    rows = torch.tensor(
        [b * longest + at - prefix.length for b, chosen in enumerate(positions) for at in chosen]
    )
    past = prefix.expanded(len(ids))
    state = {} if past is None else {"past_key_values": past}
    with capturing(model, rows, tokens=batch.numel()) as capture, text_only(model.module):
        model.decoder(input_ids=batch.to(model.device), use_cache=past is not None, **state)
    return capture.last_token()


def _read_apart(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    positions: Sequence[Sequence[int]],
    prefix: Prefix,
    groups: Sequence[Sequence[int]],
) -> LastToken:
    """Read each group in a batch of its own and put the rows back in order."""
    parts = [
        read_tokens(model, [ids[b] for b in group], [positions[b] for b in group], prefix) for group in groups
    ]
    order = torch.tensor([b for group in groups for b in group for _ in positions[b]]).argsort(stable=True)
    routing = {
        path: Routing(
            torch.cat([part.routing[path].experts for part in parts])[order],
            torch.cat([part.routing[path].weights for part in parts])[order],
        )
        for path in parts[0].routing
    }
    return LastToken(
        torch.cat([part.neurons for part in parts])[order],
        torch.cat([part.residual for part in parts])[order],
        torch.cat([part.normed for part in parts])[order],
        routing,
    )


def weighted_by_router(read: LastToken, layout: NeuronLayout) -> Float[Tensor, "rows neurons"]:
    """Multiply experts' neurons by the weight their router gave the expert; dense ones stay as they are."""
    values = read.neurons.clone()
    for position, site in enumerate(layout.sites):
        if site.kind == "experts":
            routing = read.routing[site.path]
            factors = torch.zeros(len(values), max(site.experts, int(routing.experts.max()) + 1))
            factors.scatter_(1, routing.experts, routing.weights)  # (rows, experts)
            values[:, layout.span(position)] *= factors[:, : site.experts].repeat_interleave(site.width, 1)
    return values
