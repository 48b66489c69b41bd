"""The tokens that all prompts begin with (template and system prompt), computed once.

A prefix is valid only in the state of the model in which it was computed; under an intervention it
must be computed again. Reuse is exact for attention over the whole past. For models with another kind
of state (a window, a recurrence) there is no prefix, and prompts are computed in full.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from neuroswitch.batching.plain import text_only
from neuroswitch.chat import shared_prefix
from neuroswitch.models import LanguageModel
from neuroswitch.sites import text_config

SHORTEST_PREFIX = 4
"""Tokens; computing fewer costs less than copying their cache."""


@dataclass(frozen=True, eq=False)
class Prefix:
    """The state of a model after the tokens that all prompts share.

    Attributes:
        length: How many tokens; 0 where nothing is shared or the state cannot be reused.
        cache: Keys and values for a batch of one, or None.
    """

    length: int
    cache: DynamicCache | None

    def expanded(self, batch: int) -> DynamicCache | None:
        """Return a copy of the cache for a batch, through which gradients flow; None where there is no prefix."""
        if self.cache is None:
            return None
        state = DynamicCache()
        for index, layer in enumerate(self.cache.layers):
            if isinstance(layer, DynamicLayer) and layer.keys is not None and layer.values is not None:
                keys, values = (one.repeat_interleave(batch, 0) for one in (layer.keys, layer.values))
                state.update(keys, values, index)
        return state


NO_PREFIX = Prefix(0, None)


def compute_prefix(model: LanguageModel, ids: Sequence[Sequence[int]]) -> Prefix:
    """Run the shared beginning of all prompts once, in the present state of the model.

    Args:
        model: The model.
        ids: Token ids of every prompt; the last token of each stays outside of the prefix.
    """
    with torch.inference_mode():
        return prefix_with_graph(model, ids)


def prefix_with_graph(model: LanguageModel, ids: Sequence[Sequence[int]]) -> Prefix:
    """Do what `compute_prefix` does where gradients are wanted."""
    length = min(shared_prefix(ids), min(map(len, ids), default=1) - 1)
    if len(ids) < 2 or length < SHORTEST_PREFIX or not _accepts_prefix(model):
        return NO_PREFIX
    tokens = torch.tensor([list(ids[0][:length])], device=model.device)
    with text_only(model.module):
        cache = getattr(model.decoder(input_ids=tokens, use_cache=True), "past_key_values", None)
    return Prefix(length, cache) if _is_plain(cache) else NO_PREFIX


def returns_cache(model: LanguageModel) -> bool:
    """Return whether a model takes keys and values of earlier tokens; GPT-1, RWKV and xLSTM do not."""
    return "past_key_values" in inspect.signature(model.module.forward).parameters


def _accepts_prefix(model: LanguageModel) -> bool:
    """Return whether a model takes a cache, and its positions do not depend on the longest sequence."""
    rope = getattr(text_config(model.module), "rope_parameters", None) or {}
    return returns_cache(model) and rope.get("rope_type", "default") not in {"longrope", "dynamic"}


def _is_plain(cache: object) -> TypeGuard[DynamicCache]:
    return type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers)
