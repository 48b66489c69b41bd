"""The names that transformers gives to the parts that matter here.

Where a name is missing, sites are found by shape and proven by a probe, or an error names the option
to pass. Verified with transformers 5.23.
"""

import re

# the last components of the path of a feed-forward output projection
OUTPUT_PROJECTIONS = (
    "down_proj",  # Llama, Qwen, Gemma, Mistral and most others
    "c_proj",  # GPT-2, GPT-Neo, GPT-BigCode, StarCoder2
    "fc2",  # OPT, Phi, XGLM, BioGPT, NanoChat
    "fc_out",  # GPT-J, CodeGen
    "dense_4h_to_h",  # GPT-NeoX, Bloom, Falcon, Persimmon
    "w2",  # LFM2
    "output_linear",  # Granite MoE's shared expert
    "linear_2",
    "wo",
    "Wo",  # ModernBERT decoder
    "w_out",
    "proj_down",
    "proj_out",
    "feed_forward.value",  # RWKV
)

# a component of a path inside a decoder layer below which there is no feed-forward network
NOT_FEED_FORWARD = re.compile(
    r".*attn.*|.*attention.*|.*norm|mamba|conv|shortconv|temporal_block|router|gate"
    r"|laurel|altup|indexer|compressor|vision_.*"
)

# the last components of the path of attention's output projection, from its block on
ATTENTION_PROJECTIONS = (
    "o_proj",  # Llama, Qwen, Gemma, Mistral and most others
    "out_proj",  # OPT, GPT-Neo, GPT-J, BART's decoder, LFM2, linear attention of Qwen3-Next
    "c_proj",  # GPT-2, GPT-BigCode
    "dense",  # GPT-NeoX, Bloom, Falcon, Phi, Persimmon, CTRL
    "output.dense",  # BERT and its like
    "o_proj.linear",  # Moshi
    "o_b_proj",  # DeepSeek V4, whose projection has two factors
    "wo",
    "Wo",  # ModernBERT decoder
    "output",  # RWKV
)

# a component of a path inside a decoder layer, or the class of a module there, that is attention over the text
ATTENTION = re.compile(r".*attn.*|.*attention.*", re.IGNORECASE)
NOT_ATTENTION = re.compile(
    r".*norm|.*cross.*|encoder_attn|vision_.*|.*convolution|.*_sconv|.*_hc|.*hyper_connection"
)

# a component of a path to layers for images or sound
TOWERS = re.compile(r".*(image|img|vision|visual|video|audio|speech).*")

# settings of a configuration that say how wide a feed-forward network is
WIDTH_SETTINGS = (
    "intermediate_size",
    "ffn_dim",
    "n_inner",
    "ffn_hidden_size",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "shared_intermediate_size",
    "intermediate_size_mlp",
    "expert_ffn_hidden_size",
    "moe_shared_expert_intermediate_size",
    "d_ff",
    "d_inner",
    "dff",
)

# norms between the last layer and the LM head, as attributes of the module that owns the layers
FINAL_NORMS = (
    "norm",
    "final_norm",
    "ln_f",
    "final_layer_norm",
    "final_layernorm",
    "norm_f",
    "ln_out",
    "layer_norm",
    "layernorm",  # CTRL
    "embedding_norm",  # LFM2
    "out_norm",
)

# norms of the same module that come before the layers
OTHER_NORMS = (
    "layernorm_embedding",  # BART
    "word_embeddings_layernorm",  # Bloom
    "per_layer_projection_norm",  # Gemma 3n
)

# model types whose state takes in padding on the left, mask or no mask
SEES_PADDING = frozenset({"recurrent_gemma", "rwkv", "xlstm"})
