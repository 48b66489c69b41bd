"""Which sequences may be padded into one batch without changing what the model does to them.

Almost all may. Some models look at the length of the whole batch: RoPE of type "longrope" chooses
its frequencies by it, and sparse attention (`index_topk`) breaks ties by it. Does not know tokens.
"""

from collections.abc import Sequence
from typing import Any

from neuroswitch.errors import BadPrompts
from neuroswitch.models import LanguageModel


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
            "dynamic": what it does then depends on what it has read before.
    """
    config: Any = model.module.config.get_text_config(decoder=True)
    sparse = getattr(config, "index_topk", None)
    kinds = ropes(config)
    long_from = [one["original_max_position_embeddings"] for one in kinds if one["rope_type"] == "longrope"]
    limit = [config.max_position_embeddings for one in kinds if one["rope_type"] == "dynamic"]
    groups: dict[tuple[int, int], list[int]] = {}
    for position, length in enumerate(lengths):
        if limit and length > limit[0]:
            raise BadPrompts(
                "a prompt is longer than the context that the model was made for",
                found=f"{length} tokens; RoPE of type 'dynamic' then depends on earlier prompts",
                expected=f"at most {limit[0]} tokens",
            )
        exceeded = sum(length > context for context in long_from)
        # sequences that get there on their way must get there together
        crosses = any(length <= context < length + growth for context in long_from)
        chooses = isinstance(sparse, int) and length + growth > sparse
        key = (exceeded, length if crosses or chooses else 0)
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def ropes(config: Any) -> list[dict[str, Any]]:
    """Return the parameters of every RoPE: one set, or one for each type of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    every = [rope] if "rope_type" in rope else list(rope.values())
    return [one for one in every if isinstance(one, dict) and "rope_type" in one]
