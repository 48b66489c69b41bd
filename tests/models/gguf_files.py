"""Tiny GGUF files of many architectures, written with the gguf package as llama.cpp's converter would.

Settings that a file does not carry must have transformers' defaults; `SETTINGS` gives those sizes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
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
    writer = gguf.GGUFWriter(path, called or architecture)
    writer.add_name(f"Tiny {config.model_type}")
    _add_sizes(writer, config)
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
        if name.endswith("experts.gate_up_proj"):
            layer = name.split(".")[2]
            gate, up = weight.chunk(2, dim=1)
            found |= {f"blk.{layer}.ffn_gate_exps.weight": gate, f"blk.{layer}.ffn_up_exps.weight": up}
        elif name.endswith("experts.down_proj"):
            found[f"blk.{name.split('.')[2]}.ffn_down_exps.weight"] = weight
        elif name.endswith("e_score_correction_bias"):
            found[f"blk.{name.split('.')[2]}.exp_probs_b.bias"] = weight
        else:
            ours = names.get_name(stem) or names.get_name(stem.removeprefix("transformer."))
            assert ours, name
            found[f"{ours}.{suffix}"] = _arranged(weight, f"{ours}.{suffix}", module.config, architecture)
    return found


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
    return weight
