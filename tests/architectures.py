"""Tiny configurations of decoder-only model types: data for `tiny.py` and the architecture tests.

`COMMON` holds sizes under every name that transformers uses for them; a configuration takes those
that it has. `ARCHITECTURES` adds what a model type needs besides; None leaves a setting of
`COMMON` out. A key "type/variant" is another configuration of the same model type.
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
    # mixtures of experts
    **dict.fromkeys(["num_experts", "num_local_experts", "n_routed_experts"], 4),
    **dict.fromkeys(["num_experts_per_tok", "moe_top_k"], 2),
    **dict.fromkeys(["n_shared_experts", "first_k_dense_replace", "n_group", "topk_group"], 1),
    "moe_intermediate_size": 24,
    "shared_expert_intermediate_size": 40,
    # latent and linear attention
    **dict.fromkeys(["q_lora_rank", "kv_lora_rank"], 16),
    **dict.fromkeys(["qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"], 8),
    **dict.fromkeys(["linear_key_head_dim", "linear_value_head_dim"], 8),
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_conv_kernel_dim": 3,
    # state spaces
    **dict.fromkeys(["mamba_d_state", "state_size", "mamba_chunk_size", "chunk_size"], 8),
    "mamba_d_conv": 3,
    "mamba_expand": 2,
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_n_groups": 1,
}

_LATENT = {"num_key_value_heads": 4, "head_dim": 8}
_SPARSE = {"index_n_heads": 2, "index_head_dim": 16, "index_topk": 8}
_LINEAR = {"num_hidden_layers": 4, "layer_types": ["linear_attention"] * 3 + ["full_attention"]}
_BY_LAYER = {"vocab_size_per_layer_input": VOCABULARY, "hidden_size_per_layer_input": 8}
_GEMMA4 = {**_BY_LAYER, "num_kv_shared_layers": 0, "num_hidden_layers": 6}
_KIMI = {
    **_LATENT,
    **_LINEAR,
    "mlp_layer_types": ["dense"] + ["sparse"] * 3,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
}
_ZAMBA = {
    "num_hidden_layers": 6,
    "layers_block_type": ["mamba", "hybrid"] * 3,
    "num_key_value_heads": 4,
}
_ZAMBA2 = {
    **_ZAMBA,
    "n_mamba_heads": 4,
    "mamba_ngroups": 1,
    "num_mem_blocks": 1,
    "use_shared_attention_adapter": False,
}

_DENSE = """apertus arcee biogpt bitnet bloom cohere cohere2 cwm diffllama doge ernie4_5 exaone4 falcon gemma
gemma2 gemma3_text gemma4_unified_text glm glm4 gpt2 gpt_bigcode gpt_neox granite granite_swa helium
hunyuan_v1_dense hyperclovax internlm3 jais2 lfm3 llama ministral ministral3 mistral mpt nanochat nemotron
olmo olmo2 olmo3 olmo_hybrid persimmon phi phi3 qwen2 qwen3 recurrent_gemma rwkv seed_oss smollm3 stablelm
starcoder2 vaultgemma
beam ctrl gpt-sw3 gpt_neox_japanese iquestcoder modernbert-decoder moshi openai-gpt trocr"""
_EXPERTS = """afmoe cohere2_moe deepseek_v4 dots1 exaone_moe flex_olmo flint glm4_moe gpt_oss granitemoe
granitemoe_swa hy_v3 kolibri1 laguna mellum mimo_v2_flash minimax minimax_m2 mixtral olmoe phimoe qwen2_moe
qwen3_moe solar_open aria_text hy_v4"""

_BIDIRECTIONAL_ONCE = """bert bert-generation big_bird camembert data2vec-text electra ernie megatron-bert rembert
roberta roberta-prelayernorm roc_bert roformer xlm-roberta xlm-roberta-xl"""
_HALF = {"decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": WIDTH, "num_hidden_layers": 2}
_DECODER_HALVES = "bart bigbird_pegasus blenderbot-small marian mbart mvp pegasus plbart whisper"

ARCHITECTURES: dict[str, dict[str, Any]] = {
    **{name: {} for name in f"{_DENSE} {_EXPERTS}".split()},
    **{name: {"is_decoder": True} for name in _BIDIRECTIONAL_ONCE.split()},
    **{name: _HALF for name in _DECODER_HALVES.split()},
    "codegen": {"rotary_dim": 8},
    "falcon/alibi": {"alibi": True, "new_decoder_architecture": False},
    "gemma3n_text": {
        **_BY_LAYER,
        "num_kv_shared_layers": 0,
        "laurel_rank": 4,
        "layer_types": ["sliding_attention"] * 2 + ["full_attention"],
        "intermediate_size": [WIDTH] * 3,
        "activation_sparsity_pattern": [0.95, 0.95, 0.0],
        "altup_num_inputs": 2,
    },
    "gemma4_text": _GEMMA4,
    "gpt_neo": {
        "attention_types": [[["global", "local"], 2]],
        "num_layers": 4,
        "window_size": 6,
        "num_heads": 4,
    },
    "gptj": {"rotary_dim": 8},
    "minicpm3": _LATENT,
    "cohere_compass_text": {
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
        }
    },
    "opt": {"word_embed_proj_dim": HIDDEN},
    "qwen2/window": {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 0},
    "xglm": {"attention_heads": 4},
    "xmod": {"is_decoder": True, "default_language": "en_XX"},
    "youtu": _LATENT,
    # with state spaces, convolutions or linear attention
    "bamba": {"num_hidden_layers": 4, "attn_layer_indices": [1]},
    "falcon_h1": {"mamba_d_ssm": 64},
    "granitemoehybrid": {
        "num_hidden_layers": 4,
        "layer_types": ["mamba", "attention"] * 2,
        "shared_intermediate_size": 40,
    },
    "jamba": {
        "num_hidden_layers": 4,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "use_mamba_kernels": False,
    },
    "lfm2": {"layer_types": ["conv", "full_attention", "conv"], "block_auto_adjust_ff_dim": False},
    "lfm2_moe": {
        "num_hidden_layers": 4,
        "num_dense_layers": 1,
        "layer_types": ["conv", "full_attention"] * 2,
    },
    "nemotron_h": {
        "num_hidden_layers": None,
        "layers_block_type": ["mamba", "attention", "moe", "mlp", "moe"],
        "mamba_num_heads": 4,
        "mamba_head_dim": 16,
        "n_groups": 1,
        "ssm_state_size": 8,
        "conv_kernel": 3,
        "moe_shared_expert_intermediate_size": 40,
        "use_mamba_kernels": False,
    },
    "qwen3_5_text": _LINEAR,
    "xlstm": {"num_heads": 4},
    "zamba": {
        **_ZAMBA,
        "n_mamba_heads": 2,
        "use_mamba_kernels": False,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
    },
    "zamba2": _ZAMBA2,
    "zamba2/two blocks": {
        **_ZAMBA2,
        "num_mem_blocks": 2,
        "num_hidden_layers": 8,
        "layers_block_type": ["mamba", "hybrid"] * 4,
    },
    # mixtures of experts
    "axk1": _LATENT,
    "axk2": _LATENT,
    "bailing_hybrid": {**_KIMI, "num_mtp_layers": 0, "layer_group_size": 4, "n_group": 1, "topk_group": 1},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0},
        "ffn_config": {"ffn_hidden_size": 24, "hidden_size": HIDDEN, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": _LATENT,
    "deepseek_v3": _LATENT,
    "deepseek_v32": {**_LATENT, **_SPARSE},
    "ernie4_5_moe": {
        "moe_num_experts": 4,
        "moe_k": 2,
        "moe_num_shared_experts": 1,
        "moe_layer_start_index": 1,
    },
    "gemma4_text/experts": {**_GEMMA4, "enable_moe_block": True, "num_experts": 4, "top_k_experts": 2},
    "glm4_moe_lite": _LATENT,
    "glm_moe_dsa": {**_LATENT, **_SPARSE},
    "granitemoeshared": {"shared_intermediate_size": 40},
    "hunyuan_v1_moe": {"num_experts_per_tok": 2, "moe_topk": 2},
    "inkling2_text": {"unpadded_vocab_size": VOCABULARY, "sliding_window_size": 6},
    "inkling_text": {"sliding_window_size": 6},
    "jetmoe": {"kv_channels": 8, "num_key_value_heads": 2},
    "kimi_linear": {**_KIMI, "linear_head_dim": 8, "linear_num_heads": 4},
    "llama4_text": {
        "attention_chunk_size": 8,
        "intermediate_size_mlp": 48,
        "num_experts_per_tok": 1,
        "moe_layers": [1, 2],
    },
    "minimax_m3_vl_text": {},
    "mistral4": {**_LATENT, "head_dim": None},
    "longcat_flash": {
        **_LATENT,
        "ffn_hidden_size": WIDTH,
        "expert_ffn_hidden_size": 24,
        "moe_topk": 2,
        "zero_expert_num": 2,
        "num_layers": 3,
    },
    "qwen3_5_moe_text": _LINEAR,
    "qwen4_exp_text": {
        "num_hidden_layers": 4,
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 8,
        "indexer_budget": 8,
        "indexer_compress_ratio": 2,
    },
    "qwen3_next": {**_LINEAR, "mlp_only_layers": [1], "decoder_sparse_step": 1},
    "zaya": {"num_experts_per_tok": 1},
}

# model types that must be refused, and what the error must say
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "mamba": ({}, "no feed-forward output projection"),
    "mamba2": ({"num_heads": 4, "head_dim": 16, "n_groups": 1}, "no feed-forward output projection"),
    "falcon_mamba": ({}, "no feed-forward output projection"),
    "hrm_text": ({}, "several stacks"),
    "xlnet": ({"d_inner": WIDTH}, "tokens that come later"),
    "cpmant": ({"dim_ff": WIDTH, "dim_head": 8}, "not a row of neurons for every token"),
}
