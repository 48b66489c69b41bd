"""Which sequences may be padded into one batch without changing what the model does to them.

Almost all may. In some models the length of the whole batch matters: RoPE of type "longrope" chooses
its frequencies by it, and sparse attention (`index_topk`) breaks ties by it.
"""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedConfig

from neuroswitch.errors import BadPrompts
from neuroswitch.models import LanguageModel
from neuroswitch.sites import text_config


def compatible(model: LanguageModel, lengths: Sequence[int], growth: int = 0) -> list[list[int]]:
    """Group sequences by what they may share a batch with.

    Args:
        model: The model.
        lengths: Tokens of each sequence, those of a shared prefix included.
        growth: How many more tokens each sequence may get.

    Returns:
        Positions in `lengths`, each in exactly one group.

    Raises:
        BadPrompts: A sequence is longer than the original context of a model with RoPE of type
            "dynamic": its output then depends on what it has read before.
    """
    config = text_config(model.module)
    sparse = getattr(config, "index_topk", None)
    kinds = rope_parameters(config)
    long_from = [one["original_max_position_embeddings"] for one in kinds if one["rope_type"] == "longrope"]
    limit = [getattr(config, "max_position_embeddings", 0) for one in kinds if one["rope_type"] == "dynamic"]
    groups: dict[tuple[int, int], list[int]] = {}
    for position, length in enumerate(lengths):
        if limit and length > limit[0]:
            raise BadPrompts(
                "a prompt is longer than the context that the model was made for",
                found=f"{length} tokens; RoPE of type 'dynamic' then depends on earlier prompts",
                expected=f"at most {limit[0]} tokens",
            )
        exceeded = sum(length > context for context in long_from)
        # sequences that cross the limit while they grow must do so in the same step
        crosses = any(length <= context < length + growth for context in long_from)
        chooses = isinstance(sparse, int) and length + growth > sparse
        key = (exceeded, length if crosses or chooses else 0)
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def rope_parameters(config: PreTrainedConfig) -> list[dict[str, Any]]:
    """Return the parameters of every RoPE: one set, or one for each type of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    every = [rope] if "rope_type" in rope else list(rope.values())
    return [one for one in every if isinstance(one, dict) and "rope_type" in one]
