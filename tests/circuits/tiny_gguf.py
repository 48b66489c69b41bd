"""A tiny Llama as a GGUF file that llama.cpp runs, written without llama.cpp's converter."""

from pathlib import Path

import gguf
import numpy as np
import torch

from neuroswitch.models.handle import LanguageModel

BYTES = 256
# what `tiny_model("llama", **SETTINGS)` needs so that llama.cpp finds a byte-level fallback in the vocabulary
SETTINGS = {
    "vocab_size": 3 + BYTES + 61,
    "hidden_size": 64,
    "intermediate_size": 96,
    "head_dim": 16,
    "initializer_range": 0.15,
}


def write_gguf(
    model: LanguageModel, path: Path, type: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32
) -> Path:
    """Write a model made with `SETTINGS`; output projections in the given type, the rest in F32."""
    config = model.module.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_vocabulary(writer, config.vocab_size)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, weight in model.module.state_dict().items():
        values = weight.float()
        for projection, count in heads.items():
            if f".{projection}." in name:
                values = _interleaved(values, count)
        kind = type if ".down_proj." in name else gguf.GGMLQuantizationType.F32
        raw = _encoded(values.contiguous().numpy(), kind)
        writer.add_tensor(f"{names.get_name(name.removesuffix('.weight'))}.weight", raw, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    """Three control tokens, all bytes, and words that no text can spell: prompts are given as ids."""
    words = [f"\u2581word{number}" for number in range(size - 3 - BYTES)]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(BYTES)), *words]
    kind = gguf.TokenType
    types = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * BYTES, *[kind.NORMAL] * len(words)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * size)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)


def _encoded(values: np.ndarray, kind: gguf.GGMLQuantizationType) -> np.ndarray:
    """Encode a matrix; in types that the gguf package only reads, as zeros."""
    try:
        return gguf.quantize(values, kind)
    except NotImplementedError:
        return np.zeros(gguf.quant_shape_to_byte_shape(values.shape, kind), np.uint8)


def _interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Order the rows as llama.cpp's rotary embedding of this architecture wants them."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)
