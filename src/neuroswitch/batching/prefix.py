"""The tokens that all prompts begin with, computed once: template and system prompt.

A prefix belongs to the state of the model in which it was computed; under an intervention it
must be computed again. Reuse is exact for attention over the whole past. Where a model keeps
another kind of state (a window, a recurrence), there is no prefix and prompts are computed in full.
"""

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from neuroswitch.batching.plain import text_only
from neuroswitch.chat import shared_prefix
from neuroswitch.models import LanguageModel

WORTHWHILE = 4
"""A shorter prefix than this saves less than copying its cache costs."""


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
        """Return a copy of the cache for a batch; None where there is no prefix."""
        if self.cache is None:
            return None
        state = copy.deepcopy(self.cache)
        state.batch_repeat_interleave(batch)
        return state


NOTHING = Prefix(0, None)


@torch.inference_mode()
def compute_prefix(model: LanguageModel, ids: Sequence[Sequence[int]]) -> Prefix:
    """Run the shared beginning of all prompts once, in the state the model is in now.

    Args:
        model: The model.
        ids: Token ids of every prompt; the last token of each stays outside of the prefix.
    """
    length = min(shared_prefix(ids), min(map(len, ids), default=1) - 1)
    if len(ids) < 2 or length < WORTHWHILE or not _reusable(model):
        return NOTHING
    tokens = torch.tensor([list(ids[0][:length])], device=model.device)
    with text_only(model.module):
        cache = getattr(model.decoder(input_ids=tokens, use_cache=True), "past_key_values", None)
    return Prefix(length, cache) if _is_plain(cache) else NOTHING


def caches(model: LanguageModel) -> bool:
    """Say whether a model takes back what it has computed; GPT-1 does not, nor do RWKV and xLSTM in batches."""
    return "past_key_values" in inspect.signature(model.module.forward).parameters


def _reusable(model: LanguageModel) -> bool:
    """Refuse models that take no state back, and those whose positions depend on the longest sequence."""
    if not caches(model):
        return False
    config: Any = model.module.config.get_text_config(decoder=True)
    rope = getattr(config, "rope_parameters", None) or {}
    return str(rope.get("rope_type", "default")) not in {"longrope", "dynamic"}


def _is_plain(cache: object) -> TypeGuard[DynamicCache]:
    return type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers)
