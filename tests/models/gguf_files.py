"""Tiny GGUF files of many architectures, written with the gguf package as llama.cpp's converter would.

Settings that a file does not carry must have transformers' defaults; `SETTINGS` gives those sizes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tiny import tiny_tokenizer

# name of the architecture in a file, and sizes that files of it do not carry
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "mistral": ("llama", {}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 128}),
    "gemma2": ("gemma2", {}),
    "gemma3_text": ("gemma3", {}),
    "phi3": ("phi3", {"vocab_size": 32064}),  # its pad token is number 32000
    "gpt2": ("gpt2", {"n_positions": 1024}),
    "bloom": ("bloom", {}),
    "falcon": ("falcon", {"num_kv_heads": 1}),
    "stablelm": ("stablelm", {}),
    "starcoder2": ("starcoder2", {}),
    "nemotron": ("nemotron", {}),
    "qwen2_moe": ("qwen2moe", {"moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632}),
    "qwen3_moe": ("qwen3moe", {"moe_intermediate_size": 768, "norm_topk_prob": True}),
    "minimax_m2": ("minimax-m2", {}),
    "lfm2": ("lfm2", {}),
    "qwen3_5_text": ("qwen35", {"head_dim": 32}),
    "qwen3_5_moe_text": ("qwen35moe", {"head_dim": 32}),
}

# architectures that transformers lists and cannot read, with the sizes that it assumes
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt_oss": ("gpt-oss", {"head_dim": 64}),  # files have dashes, its reader of experts waits for "gpt_oss"
    "gemma4_text": ("gemma4", {}),  # widths that files state are taken from one checkpoint instead
}


def write_gguf(
    module: PreTrainedModel,
    path: Path,
    architecture: str,
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    *,
    called: str | None = None,
) -> Path:
    """Write a model as llama.cpp would, with a vocabulary of bytes; output projections in the given type.

    The file says that it is of another architecture if it is `called` one.
    """
    config = module.config
    config.allow_global_per_layer_attribute_access = True
    writer = gguf.GGUFWriter(path, called or architecture)
    writer.add_name(f"Tiny {config.model_type}")
    _add_sizes(writer, config)
    OWN_SIZES.get(architecture, lambda writer, config: None)(writer, config)
    _add_vocabulary(writer, config.vocab_size)
    for name, weight in _tensors(module, architecture).items():
        values = weight.detach().float().contiguous().numpy()
        wanted = kind if ".ffn_down" in name and weight.dim() > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quantize(values, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_sizes(writer: gguf.GGUFWriter, config: Any) -> None:
    heads = config.num_attention_heads
    named: dict[Callable[[Any], None], Any] = {
        writer.add_block_count: config.num_hidden_layers,
        writer.add_context_length: getattr(config, "max_position_embeddings", None),
        writer.add_embedding_length: config.hidden_size,
        writer.add_feed_forward_length: getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        writer.add_head_count: heads,
        writer.add_head_count_kv: getattr(
            config, "num_key_value_heads", getattr(config, "num_kv_heads", heads)
        ),
        writer.add_key_length: getattr(config, "head_dim", None),
        writer.add_rope_dimension_count: getattr(config, "head_dim", None) or config.hidden_size // heads,
        writer.add_sliding_window: getattr(config, "sliding_window", None),
        writer.add_layer_norm_rms_eps: getattr(config, "rms_norm_eps", getattr(config, "norm_eps", None)),
        writer.add_layer_norm_eps: getattr(
            config,
            "layer_norm_epsilon",
            getattr(config, "layer_norm_eps", getattr(config, "norm_epsilon", None)),
        ),
        writer.add_rope_freq_base: (getattr(config, "rope_parameters", None) or {}).get("rope_theta"),
        writer.add_expert_count: getattr(config, "num_experts", getattr(config, "num_local_experts", None)),
        writer.add_expert_used_count: getattr(config, "num_experts_per_tok", None),
    }
    for add, value in named.items():
        if value is not None:
            add(value)


def _add_sizes_of_lfm2(writer: gguf.GGUFWriter, config: Any) -> None:
    kinds = config.layer_types
    del writer.kv_data[0]["lfm2.attention.head_count_kv"]
    writer.add_head_count_kv([config.num_key_value_heads * (kind == "full_attention") for kind in kinds])
    writer.add_shortconv_l_cache(config.conv_L_cache)


def _add_sizes_of_qwen35(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_full_attention_interval(4)
    writer.add_ssm_conv_kernel(config.linear_conv_kernel_dim)
    writer.add_ssm_state_size(config.linear_key_head_dim)
    writer.add_ssm_group_count(config.linear_num_key_heads)
    writer.add_ssm_time_step_rank(config.linear_num_value_heads)
    writer.add_ssm_inner_size(config.linear_value_head_dim * config.linear_num_value_heads)
    del writer.kv_data[0][f"{writer.arch}.rope.dimension_count"]
    writer.add_rope_dimension_count(int(config.head_dim * config.rope_parameters["partial_rotary_factor"]))
    writer.add_rope_dimension_sections([2, 1, 1, 0])
    if writer.arch == "qwen35moe":
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)


OWN_SIZES: dict[str, Callable[[gguf.GGUFWriter, Any], None]] = {
    "lfm2": _add_sizes_of_lfm2,
    "qwen35": _add_sizes_of_qwen35,
    "qwen35moe": _add_sizes_of_qwen35,
}


def _add_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*map(chr, range(33, 127)), "ab", *(f"<{n}>" for n in range(size - 95))])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(size - 1)
    writer.add_chat_template(str(tiny_tokenizer().chat_template))


def _tensors(module: PreTrainedModel, architecture: str) -> dict[str, Tensor]:
    """Name and arrange every weight as files of an architecture have it."""
    arch = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(arch, module.config.num_hidden_layers)
    tied = module.config.tie_word_embeddings
    found: dict[str, Tensor] = {}
    for name, weight in module.state_dict().items():
        if name == "lm_head.weight" and tied:
            continue
        stem, _, suffix = name.rpartition(".")
        own = _with_own_names(name, weight, module.config, architecture)
        if not own:
            ours = names.get_name(stem) or names.get_name(stem.removeprefix("transformer."))
            assert ours, name
            own = {f"{ours}.{suffix}": _arranged(weight, f"{ours}.{suffix}", module.config, architecture)}
        found |= own
    return found


def _with_own_names(name: str, weight: Tensor, config: Any, architecture: str) -> dict[str, Tensor]:
    """Name what the gguf package has no rule for; nothing for all else."""
    kind = name.rpartition(".")[2]
    block = f"blk.{name.split('.')[2]}" if ".layers." in name else ""
    if architecture == "gpt-oss" and ".experts." in name:
        return _experts_of_gpt_oss(weight, kind, block)
    if name.endswith("experts.gate_up_proj"):
        gate, up = weight.chunk(2, dim=1)
        return {f"{block}.ffn_gate_exps.weight": gate, f"{block}.ffn_up_exps.weight": up}
    if name.endswith("experts.down_proj"):
        return {f"{block}.ffn_down_exps.weight": weight}
    if kind == "A_log":
        return {f"{block}.ssm_a": _tiled(-weight.exp(), config)}
    if kind == "dt_bias":
        return {f"{block}.ssm_dt.bias": _tiled(weight, config)}
    renamed = {
        "e_score_correction_bias": "exp_probs_b.bias",
        "layer_scalar": "layer_output_scale.weight",
        "sinks": "attn_sinks.weight",
    }
    return {f"{block}.{renamed[kind]}": weight} if kind in renamed else {}


def _arranged(weight: Tensor, name: str, config: Any, architecture: str) -> Tensor:
    kind, suffix = name.split(".")[-2:]
    if architecture == "llama" and kind in ("attn_q", "attn_k"):
        heads = config.num_attention_heads if kind == "attn_q" else config.num_key_value_heads
        return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)
    if architecture in ("gemma2", "gemma3", "nemotron") and name.endswith("norm.weight"):
        return weight + 1
    if (
        architecture == "gpt2"
        and kind in ("attn_qkv", "attn_output", "ffn_up", "ffn_down")
        and weight.dim() == 2
    ):
        return weight.T
    if architecture == "bloom" and kind == "attn_qkv":
        parts = weight.unflatten(0, (config.n_head, 3, -1)).transpose(0, 1)
        return parts.flatten(0, 2)
    if kind == "ffn_gate_inp_shexp":
        return weight[0]
    if kind == "conv" and architecture == "lfm2":
        return weight[:, 0]
    if architecture in ("qwen35", "qwen35moe"):
        return _arranged_for_qwen35(weight, kind, config)
    return weight


def _experts_of_gpt_oss(weight: Tensor, name: str, block: str) -> dict[str, Tensor]:
    kind = "bias" if name.endswith("_bias") else "weight"
    rows = weight if kind == "bias" else weight.transpose(1, 2)
    if name.startswith("down"):
        return {f"{block}.ffn_down_exps.{kind}": rows}
    return {f"{block}.ffn_gate_exps.{kind}": rows[:, ::2], f"{block}.ffn_up_exps.{kind}": rows[:, 1::2]}


def _arranged_for_qwen35(weight: Tensor, kind: str, config: Any) -> Tensor:
    """Tile heads of values, which transformers groups by key, and store norms as what they add to 1."""
    size, queries = config.linear_value_head_dim, 2 * config.linear_key_head_dim * config.linear_num_key_heads
    if kind.endswith("norm") and kind != "ssm_norm":
        return weight + 1
    if kind in ("ssm_alpha", "ssm_beta"):
        return _tiled(weight, config)
    if kind == "attn_gate":
        return _tiled(weight, config, size)
    if kind in ("attn_qkv", "ssm_conv1d") and len(weight) > queries:
        weight = weight.reshape(len(weight), -1)
        return torch.cat([weight[:queries], _tiled(weight[queries:], config, size)])
    if kind == "ssm_out":
        return _tiled(weight.T, config, size).T
    return weight


def _tiled(rows: Tensor, config: Any, size: int = 1) -> Tensor:
    """Reorder heads of `size` rows: v0k0 v1k0 v0k1 v1k1 -> v0k0 v0k1 v1k0 v1k1."""
    keys = config.linear_num_key_heads
    return rows.unflatten(0, (keys, -1, size)).transpose(0, 1).flatten(0, 2)
