"""How sequences of different lengths share a batch in `generate`, and whether a model allows that.

Some models count padding as positions, or take it into their state, whatever the mask says; others are
given other positions by `generate` than they count themselves. Neither shows in an error message, so it
is tried out once a model, on random tokens. Knows tokens and logits; does not know prompts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import GenerationConfig

from neuroswitch.batching.plain import plain_generation
from neuroswitch.batching.prefix import NOTHING, WORTHWHILE, Prefix, caches, compute_prefix
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import SEES_PADDING, token_embedding

LONG, SHORT, ROWS, STEPS = 14, WORTHWHILE + 2, 3, 2
"""ROWS sequences of LONG tokens and as many of SHORT ones, continued by STEPS tokens."""
EXACT, ROUNDED, WRONG = 0.01, 0.06, 0.2
"""Differences of logits, relative to the largest, that rounding does not make: with float32 weights, with all
others, and with all others so that nothing is refused for the noise of a batch that is quantised together."""

_TRIED: "WeakKeyDictionary[nn.Module, Padding]" = WeakKeyDictionary()


class Padding(NamedTuple):
    """What changes how a sequence is continued.

    Attributes:
        on_the_left: Padding before it: only sequences of one length can share a batch.
        behind_prefix: Padding between a prefix that is in the cache and the rest: there can be no prefix.
    """

    on_the_left: bool
    behind_prefix: bool


def padding_of(model: LanguageModel) -> Padding:
    """Say what a model makes of padding.

    Raises:
        UnsupportedModel: `generate` continues no sequence as the model itself does, padded or not.
    """
    if model.module not in _TRIED:
        _TRIED[model.module] = _tried(model)
    return _TRIED[model.module]


def padded(
    model: LanguageModel, ids: Sequence[Sequence[int]], prefix: int, pad: int
) -> tuple[Tensor, Tensor]:
    """Pad each row between the shared prefix, which is in the cache at the same place for all, and the rest.

    Returns:
        Tokens and mask, shape (rows, longest) both.
    """
    width = max(map(len, ids))
    gaps = [width - len(row) for row in ids]
    tokens = [[*row[:prefix], *[pad] * gap, *row[prefix:]] for row, gap in zip(ids, gaps, strict=True)]
    mask = [[1] * prefix + [0] * gap + [1] * (width - prefix - gap) for gap in gaps]
    return torch.tensor(tokens, device=model.device), torch.tensor(mask, device=model.device)


@torch.inference_mode()
def _tried(model: LanguageModel) -> Padding:
    exact = model.module.dtype == torch.float32 and not getattr(model.module, "is_quantized", False)
    tolerance, wrong = (EXACT, EXACT) if exact else (ROUNDED, WRONG)
    sequences = _sequences(model)
    errors = _errors(model, sequences, NOTHING)
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
    return Padding(
        kind in SEES_PADDING or float(errors[ROWS:].min()) > tolerance,
        prefix.length > 0 and float(_errors(model, sequences, prefix)[ROWS:].min()) > tolerance,
    )


def _sequences(model: LanguageModel) -> list[list[int]]:
    """Draw random tokens, the first of them the same for all sequences."""
    vocabulary = len(next(token_embedding(model.module).parameters()))
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, vocabulary, (2 * ROWS, LONG), generator=generator)
    tokens[:, :WORTHWHILE] = tokens[0, :WORTHWHILE]
    return [row if i < ROWS else row[:SHORT] for i, row in enumerate(tokens.tolist())]


def _errors(model: LanguageModel, sequences: Sequence[Sequence[int]], prefix: Prefix) -> Tensor:
    """Compare the logits of `generate` with those of the model itself, for each row."""
    settings = GenerationConfig(
        max_new_tokens=STEPS,
        do_sample=False,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
        use_cache=caches(model),
    )
    tokens, mask = padded(model, sequences, prefix.length, pad=0)
    past = prefix.expanded(len(sequences))
    state = {} if past is None else {"past_key_values": past}
    with plain_generation(model.module):
        out: Any = model.module.generate(  # type: ignore[operator]
            input_ids=tokens, attention_mask=mask, generation_config=settings, **state
        )
    new = out.sequences[:, tokens.shape[1] :].tolist()
    given = [[*sequence, *answer[:-1]] for sequence, answer in zip(sequences, new, strict=True)]
    found = torch.stack(out.logits, dim=1)  # (rows, STEPS, V)
    return torch.cat(
        [_differences(model, given[:ROWS], found[:ROWS]), _differences(model, given[ROWS:], found[ROWS:])]
    )


def _differences(model: LanguageModel, given: Sequence[Sequence[int]], found: Tensor) -> Tensor:
    """Run sequences of one length without padding and cache, and compare their last logits with those found."""
    tokens = torch.tensor(given, device=model.device)
    expected = model.module(input_ids=tokens, use_cache=False).logits[:, -STEPS:].float()
    scale = expected.abs().amax((1, 2)).clamp_min(1e-12)
    return ((found.float().to(expected.device) - expected).abs().amax((1, 2)) / scale).cpu()
