"""Pad rows of different lengths to a batch, and measure whether `generate` allows that for a model.

Some models count padding as positions, or take it into their state, whatever the mask says; others are
given other positions by `generate` than they count themselves. No error message shows it, so it is
measured once for each model, on random tokens.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor
from transformers import GenerationConfig
from transformers.generation.utils import GenerateDecoderOnlyOutput

from neuroswitch.batching.plain import plain_generation
from neuroswitch.batching.prefix import NO_PREFIX, SHORTEST_PREFIX, Prefix, compute_prefix, returns_cache
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel, PaddingEffect
from neuroswitch.sites import SEES_PADDING, random_tokens

LONG, SHORT, ROWS, STEPS = 14, SHORTEST_PREFIX + 2, 3, 2
"""ROWS sequences of LONG tokens and as many of SHORT ones, continued by STEPS tokens."""
EXACT, ROUNDED, WRONG = 0.01, 0.06, 0.2
"""Differences of logits, relative to the largest, that are not rounding: with float32 weights, with all
others, and with all others before a model is refused, because a batch may be quantised together."""


class PaddedBatch(NamedTuple):
    """Rows padded to the length of the longest; the mask is 1 at tokens and 0 at padding. On the CPU."""

    tokens: Tensor  # (rows, longest)
    mask: Tensor  # (rows, longest)


def padded(ids: Sequence[Sequence[int]], *, at: int | None = None, pad: int | None = None) -> PaddedBatch:
    """Pad rows to the length of the longest.

    Args:
        ids: Token ids, at least one in each row.
        at: Where the padding is put into each row: 0 before it, n after a shared prefix of n tokens; None
            after its end.
        pad: The token to pad with; None for the row's own last token, because some models derive a mask
            or positions from the pad token.
    """
    longest = max(map(len, ids))
    tokens, mask = [], []
    for row in ids:
        place, gap = len(row) if at is None else at, longest - len(row)
        tokens.append([*row[:place], *[row[-1] if pad is None else pad] * gap, *row[place:]])
        mask.append([1] * place + [0] * gap + [1] * (len(row) - place))
    return PaddedBatch(torch.tensor(tokens), torch.tensor(mask))


def padding_effect(model: LanguageModel) -> PaddingEffect:
    """Return which padding changes a model's answers; measured once, on the model without its open changes.

    Raises:
        UnsupportedModel: `generate` continues no sequence as the model itself does, padded or not.
    """
    if model.state.padding is None:
        with model.untouched():
            model.state.padding = _measured(model)
    return model.state.padding


@torch.inference_mode()
def _measured(model: LanguageModel) -> PaddingEffect:
    exact = model.module.dtype == torch.float32 and not getattr(model.module, "is_quantized", False)
    tolerance, wrong = (EXACT, EXACT) if exact else (ROUNDED, WRONG)
    (tokens,) = random_tokens(model.module, (2 * ROWS, LONG), seed=0)
    tokens[:, :SHORTEST_PREFIX] = tokens[0, :SHORTEST_PREFIX]
    sequences = [row if i < ROWS else row[:SHORT] for i, row in enumerate(tokens.tolist())]
    errors = _errors(model, sequences, NO_PREFIX)
    # rounding moves some rows far where it changes a router's choice; wrong positions move all of them
    unpadded = float(errors[:ROWS].min())
    if unpadded > wrong:
        raise UnsupportedModel(
            f"transformers' generate() does not continue a text as {type(model.module).__name__} itself does",
            found=f"logits that differ by {unpadded:.2g} of the largest",
            expected="the same positions, and the same result with and without a cache",
            do="discover circuits with it, but do not evaluate its answers; or update transformers",
        )
    kind = model.module.config.get_text_config(decoder=True).model_type
    prefix = compute_prefix(model, sequences)
    return PaddingEffect(
        kind in SEES_PADDING or float(errors[ROWS:].min()) > tolerance,
        prefix.length > 0 and float(_errors(model, sequences, prefix)[ROWS:].min()) > tolerance,
    )


def _errors(model: LanguageModel, sequences: Sequence[Sequence[int]], prefix: Prefix) -> Tensor:
    """Compare the logits of `generate` with those of the model itself, for each row."""
    settings = GenerationConfig(
        max_new_tokens=STEPS,
        do_sample=False,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
        use_cache=returns_cache(model),
    )
    tokens, mask = (one.to(model.device) for one in padded(sequences, at=prefix.length, pad=0))
    past = prefix.expanded(len(sequences))
    state = {} if past is None else {"past_key_values": past}
    with plain_generation(model.module):
        generated = model.module.generate(  # type: ignore[operator]
            input_ids=tokens, attention_mask=mask, generation_config=settings, **state
        )
    out = cast(GenerateDecoderOnlyOutput, generated)
    new = out.sequences[:, tokens.shape[1] :].tolist()
    given = [[*sequence, *answer[:-1]] for sequence, answer in zip(sequences, new, strict=True)]
    found = torch.stack(cast(tuple[Tensor, ...], out.logits), dim=1)  # (rows, STEPS, V)
    errors = []
    for rows in (slice(ROWS), slice(ROWS, None)):  # sequences of one length, without padding and cache
        ids = torch.tensor(given[rows], device=model.device)
        expected = model.module(input_ids=ids, use_cache=False).logits[:, -STEPS:].float()
        scale = expected.abs().amax((1, 2)).clamp_min(1e-12)
        difference = found[rows].float().to(expected.device) - expected
        errors.append((difference.abs().amax((1, 2)) / scale).cpu())
    return torch.cat(errors)
