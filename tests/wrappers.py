"""Tiny configurations of models with a text decoder inside, beside towers for images or sound: data for `tiny.py`.

The text configuration takes its sizes from `architectures.py`, every other one from `SEEING`. `WRAPPERS` adds
what a model type needs besides, part by part; None leaves a setting out.
"""

from typing import Any

from architectures import HIDDEN, VOCABULARY

SEEING: dict[str, Any] = {
    **dict.fromkeys(["hidden_size", "embed_dim", "d_model", "n_embd", "out_hidden_size"], HIDDEN),
    **dict.fromkeys(["intermediate_size", "ffn_dim", "encoder_ffn_dim"], 32),
    **dict.fromkeys(["num_hidden_layers", "depth", "encoder_layers", "num_layers", "n_layer"], 1),
    **dict.fromkeys(["num_attention_heads", "num_heads", "encoder_attention_heads"], 4),
    "num_key_value_heads": 2,
    "head_dim": 8,
    "image_size": 16,
    "patch_size": 8,
    "vocab_size": VOCABULARY,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

TEXT = ("text", "llm", "language", "thinker", "decoder")
"""Words in the names of the parts that read and write text."""

MARKERS = (
    *("image_token_id", "image_token_index", "video_token_id", "video_token_index", "audio_token_id"),
    *("vision_start_token_id", "vision_end_token_id", "image_start_token_id", "image_end_token_id"),
    *("boi_token_id", "eoi_token_id", "boa_token_id", "eoa_token_id", "image_token", "audio_token_index"),
)
"""Settings that hold a token which stands for an image or a sound: they get tokens of their own."""

_ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
_MROPE = {"text_config": {"rope_parameters": _ROPE}}
_HEADS = {"num_key_value_heads": 4}

_SMALL_KOSMOS = {"embed_dim": HIDDEN, "layers": 3, "attention_heads": 4}

_PLAIN = """aria aya_vision cohere2_vision cosmos3_omni deepseek_vl deepseek_vl_hybrid exaone4_5 fuyu gemma3 gemma4
gemma4_unified glmasr got_ocr2 granite_docling hyperclovax_vision_v2 idefics2 idefics3 internvl kimi_k25 lfm2_vl
lfm3_vl lighton_ocr llava llava_next llava_next_video llava_onevision minicpm_ocr minicpmv4_6 minicpmv4_7
minimax_m3_vl mistral3 mllama moss_transcribe_diarize ovis2 phi4_multimodal pp_chart2table qianfan_ocr qwen2_audio
qwen3_5 qwen3_5_moe qwen3_asr qwen3_vl qwen3_vl_moe smolvlm video_llama_3 video_llava
vipllava voxtral"""
_THREE_POSITIONS = "cosmos3_edge glm46v glm4v glm_ocr glmga hunyuan_vl paddleocr_vl qwen2_5_vl qwen2_vl"

WRAPPERS: dict[str, dict[str, Any]] = {
    **{name: {} for name in _PLAIN.split()},
    **{name: _MROPE for name in _THREE_POSITIONS.split()},
    "ernie4_5_vl_moe": {"text_config": {"moe_intermediate_size": [24, 16], "rope_parameters": _ROPE}},
    "fun_asr_nano": {"adaptor_config": {"intermediate_size": 8}},
    "git": {},
    "glm4v_moe": {
        "text_config": {"head_dim": 16, "rope_parameters": {**_ROPE, "partial_rotary_factor": 0.5}}
    },
    "kosmos-2.5": {"text_config": _SMALL_KOSMOS},
    "llama4": {},
    "mistral_large4": {"text_config": _HEADS},
    "molmo2": {
        "vision_config": {"image_size": [16, 16]},
        "adapter_config": {"vision_feature_layer": [0, 0]},
    },
    "qwen2_5_omni_thinker": {**_MROPE, "vision_start_token_id": 120},
    "step3p7": {"text_config": {"sliding_window": 6, "mlp_layer_types": ["dense", "sparse", "sparse"]}},
}

# model types that must be refused, and what the error must say
NOT_TEXT_ALONE: dict[str, tuple[dict[str, Any], str]] = {
    "blip-2": ({}, "does not answer text alone"),
    "idefics": ({}, "several stacks"),
    "instructblip": ({}, "does not answer text alone"),
    "kosmos-2": ({"text_config": _SMALL_KOSMOS}, "does not run on text alone"),
    "paligemma": ({}, "tokens that come later"),
    "qwen2_5_omni": ({}, "token embedding"),
    "voxtral_realtime": ({}, "does not run on text alone"),
}
