"""Tiny configurations of decoder-only model types: data for `tiny.py` and the architecture tests.

`COMMON` holds sizes under every name that transformers uses for them; a configuration takes those
that it has. `ARCHITECTURES` adds what a model type needs besides. A key "type/variant" is a
second configuration of the same model type.
"""

from typing import Any

VOCABULARY, HIDDEN, WIDTH, LAYERS = 128, 32, 64, 3

COMMON: dict[str, Any] = {
    **dict.fromkeys(["hidden_size", "n_embd", "d_model"], HIDDEN),
    **dict.fromkeys(["intermediate_size", "ffn_dim", "n_inner"], WIDTH),
    **dict.fromkeys(["num_hidden_layers", "n_layer", "n_layers", "num_layers"], LAYERS),
    **dict.fromkeys(["num_attention_heads", "n_head", "n_heads"], 4),
    **dict.fromkeys(["max_position_embeddings", "n_positions"], 128),
    **dict.fromkeys(["initializer_range", "initializer_std", "init_std"], 0.2),
    "vocab_size": VOCABULARY,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "sliding_window": 6,
    "use_cache": True,
}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "gpt2": {},
    "phi3": {},
    "opt": {"word_embed_proj_dim": HIDDEN},
}
