"""Which sequences may be padded into one batch without changing what the model does to them.

Almost all may. In some models the length of the whole batch matters: RoPE of type "longrope" chooses
its frequencies by it, and sparse attention (`index_topk`) breaks ties by it.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig

from neuroswitch.errors import BadOption, BadPrompts
from neuroswitch.models import LanguageModel
from neuroswitch.sites import is_tower, text_config

_POSITIONS = re.compile(r"wpe|(embed_)?positions?(_embed\w*|_emb)?|pos_emb\w*")
"""Last part of the path of a table of learned positions, as in GPT-2, GPT-1, OPT and BERT-like decoders."""


def position_limit(module: nn.Module) -> int | None:
    """Return how many tokens a model has positions for; None where nothing fails beyond what it was trained on.

    Tables of learned positions, the fixed tables of GPT-J and CodeGen, and ALiBi as MPT builds it.
    """
    limits = []
    for path, child in module.named_modules():
        if is_tower(path):
            continue
        if isinstance(child, nn.Embedding) and _POSITIONS.fullmatch(path.rpartition(".")[2]):
            first = getattr(child, "offset", None)  # OPT keeps two rows free
            if first is None:
                first = 0 if child.padding_idx is None else child.padding_idx + 1
            limits.append(child.num_embeddings - int(first))
        table = getattr(child, "embed_positions", None)
        if isinstance(table, torch.Tensor) and table.dim() == 2:
            limits.append(len(table))
    config = text_config(module)
    if config.model_type == "mpt":
        limits.append(int(config.max_seq_len))
    return min(limits, default=None)


def require_positions(module: nn.Module, prompt: int, answer: int = 0) -> None:
    """Refuse a prompt and an answer that a model has no positions for.

    Args:
        module: The model; its weights may be on the meta device.
        prompt: Tokens of the longest prompt.
        answer: New tokens at most; the last one is not read again.

    Raises:
        BadPrompts: The prompt alone is too long.
        BadOption: The prompt is not, and prompt and answer are.
    """
    limit = position_limit(module)
    if limit is None or prompt + max(answer - 1, 0) <= limit:
        return
    expected = f"at most {limit} tokens, for which the model has positions"
    if prompt > limit:
        raise BadPrompts(
            "a prompt is longer than the model can read",
            found=f"{prompt} tokens",
            expected=expected,
            do=f"leave out prompts of more than {limit} tokens, or use another model",
        )
    raise BadOption(
        "prompt and answer are longer together than the model can read",
        found=f"a prompt of {prompt} tokens and answers of up to {answer}",
        expected=expected,
        do=f"name --max-new-tokens {limit - prompt + 1} or less, or leave long prompts out",
    )


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
            "dynamic": its output then depends on what it has read before. Or as `require_positions`.
        BadOption: As `require_positions`.
    """
    require_positions(model.module, max(lengths, default=0), growth)
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
