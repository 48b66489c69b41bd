"""GGUF: a small file written here is loaded as the model it was made from, and converted only once."""

import os
from pathlib import Path

import gguf
import pytest
import torch
from transformers import PreTrainedModel

from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import gguf as conversion
from neuroswitch.models.loading import LoadOptions, load
from tiny import tiny_module, tiny_tokenizer

CPU = LoadOptions(device="cpu")
# transformers' names of a layer -> those of GGUF
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "model.layers.": "blk.",
}


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Order the rows of a head as llama.cpp's rotary embedding wants them for Llama."""
    return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2).contiguous()


def write_gguf(module: PreTrainedModel, path: Path, *, architecture: str = "qwen2") -> Path:
    """Write a model as llama.cpp would, in float32, with a vocabulary of bytes."""
    config = module.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    letters = [chr(33 + number) for number in range(94)]
    writer.add_token_list([*letters, "ab", *(f"<{n}>" for n in range(config.vocab_size - 95))])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(config.vocab_size - 1)
    writer.add_chat_template(str(tiny_tokenizer().chat_template))
    for name, weight in module.state_dict().items():
        for theirs, ours in NAMES.items():
            name = name.replace(theirs, ours)
        heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
        kind = name.split(".")[-2]
        if architecture == "llama" and kind in heads:
            weight = interleaved(weight, heads[kind])
        writer.add_tensor(name, weight.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path / "cache"))
    return write_gguf(tiny_module("qwen2"), tmp_path / "tiny.gguf")


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_a_gguf_file_is_the_model_it_was_made_from(architecture: str, tmp_path: Path) -> None:
    file = write_gguf(tiny_module(architecture), tmp_path / "tiny.gguf", architecture=architecture)
    ids = torch.tensor([[3, 5, 8, 13]])

    model = load(file, options=CPU)

    with torch.inference_mode():
        torch.testing.assert_close(model.module(ids).logits, tiny_module(architecture)(ids).logits)
    assert model.layout.size == 3 * 64
    assert model.identity.source == "GGUF file tiny.gguf"
    assert model.tokenizer.chat_template == tiny_tokenizer().chat_template
    assert model.tokenizer.decode(model.tokenizer.encode("abc")) == "abc"
    assert len(model.tokenizer.encode("abc", add_special_tokens=False)) == 2


def test_it_is_converted_once_for_each_type(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = conversion.convert, []
    monkeypatch.setattr(
        conversion, "convert", lambda *arguments, **options: done.append(real(*arguments, **options))
    )

    for dtype in ("float32", "float32", "bfloat16", "bfloat16"):
        load(file, options=LoadOptions(dtype=dtype, device="cpu"))
    assert len(done) == 2

    write_gguf(tiny_module("qwen2", seed=5), file)
    os.utime(file, ns=(0, 0))
    changed = load(file, options=CPU)
    assert len(done) == 3
    assert torch.equal(
        changed.module.state_dict()["lm_head.weight"],
        tiny_module("qwen2", seed=5).state_dict()["lm_head.weight"],
    )


def test_what_is_not_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pointer.gguf"
    path.write_text("version https://git-lfs.github.com/spec/v1")

    with pytest.raises(Prerequisite, match=r"(?s)not a GGUF file.*b'vers'"):
        load(path)


def test_an_architecture_that_transformers_cannot_read_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tiny_module("qwen2"), tmp_path / "odd.gguf", architecture="oddity")

    with pytest.raises(UnsupportedModel, match="oddity"):
        load(path)
