"""Checkpoints that are quantised already load by themselves, and what cannot be loaded here says why.

The files are written by hand, as the formats define them, so no quantiser has to run.
"""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.output import output_columns
from neuroswitch.errors import BadOption, Prerequisite
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from tiny import tiny_module, tiny_tokenizer

CPU = LoadOptions(device="cpu")
SIZES = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
TOKENS = torch.tensor([[3, 5, 8, 13]])
BLOCK = 32


def channel_int8(weight: Tensor) -> dict[str, Tensor]:
    scale = weight.abs().amax(1, keepdim=True) / 127
    return {"weight": (weight / scale).round().to(torch.int8), "weight_scale": scale}


def channel_fp8(weight: Tensor) -> dict[str, Tensor]:
    scale = weight.abs().amax(1, keepdim=True) / 448
    return {"weight": (weight / scale).to(torch.float8_e4m3fn), "weight_scale": scale}


def packed_int4(weight: Tensor) -> dict[str, Tensor]:
    """Eight values of 4 bits in an int32, the first lowest, offset by 8; a scale for each group of 32."""
    groups = weight.unflatten(1, (-1, BLOCK))
    scale = groups.abs().amax(2, keepdim=True) / 7
    values = ((groups / scale).round().to(torch.int64) + 8).flatten(1).unflatten(1, (-1, 8))
    packed = (values << (4 * torch.arange(8))).sum(2)
    packed = torch.where(packed >= 2**31, packed - 2**32, packed).to(torch.int32)
    return {
        "weight_packed": packed,
        "weight_scale": scale[..., 0].contiguous(),
        "weight_shape": torch.tensor(weight.shape),
    }


def block_fp8(weight: Tensor) -> dict[str, Tensor]:
    """The layout of DeepSeek-V3: one scale for each square block."""
    out, wide = weight.shape
    blocks = weight.view(out // BLOCK, BLOCK, wide // BLOCK, BLOCK)
    scale = blocks.abs().amax((1, 3)) / 448
    return {
        "weight": (blocks / scale[:, None, :, None]).view(out, wide).to(torch.float8_e4m3fn),
        "weight_scale_inv": scale,
    }


def compressed(form: str, **weights: object) -> dict[str, object]:
    settings = {"symmetric": True, "dynamic": False, **weights}
    group = {"targets": ["Linear"], "weights": settings, "input_activations": None}
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": group},
    }


FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [BLOCK, BLOCK]}
# how a weight is stored, what the configuration says of it, and how far off a column may then be
FORMATS = {
    "int8": (channel_int8, compressed("int-quantized", num_bits=8, type="int", strategy="channel"), 0.01),
    "fp8": (channel_fp8, compressed("float-quantized", num_bits=8, type="float", strategy="channel"), 0.04),
    "int4": (
        packed_int4,
        compressed("pack-quantized", num_bits=4, type="int", strategy="group", group_size=BLOCK),
        0.12,
    ),
    "block fp8": (block_fp8, FP8, 0.04),
}


def written(name: str, folder: Path) -> Path:
    """Write a tiny Llama whose layers are stored in a format."""
    encode, settings, _ = FORMATS[name]
    tiny_module("llama", **SIZES).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    stored = {}
    for key, weight in load_file(folder / "model.safetensors").items():
        if ".layers." in key and weight.dim() == 2:
            parts = encode(weight)
            stored |= {key.removesuffix("weight") + part: value for part, value in parts.items()}
        else:
            stored[key] = weight
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    return declared(folder, settings)


def declared(folder: Path, settings: dict[str, object]) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": settings}))
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_a_quantised_checkpoint_is_read_and_scaled_as_what_it_stores(name: str, tmp_path: Path) -> None:
    if name != "block fp8":
        pytest.importorskip("compressed_tensors")
    model = load_model(written(name, tmp_path), options=CPU)
    plain = tiny_module("llama", **SIZES)
    down = torch.cat([layer.mlp.down_proj.weight.detach().T for layer in plain.model.layers])

    found = output_columns(model, torch.arange(model.layout.size))

    assert 1e-3 < float((found - down).norm() / down.norm()) < FORMATS[name][2]
    ids = torch.arange(0, model.layout.size, 5)
    with torch.inference_mode():
        before = model.module(TOKENS).logits
        with scaled_neurons(model, ids, torch.zeros(len(ids))):
            assert float((model.module(TOKENS).logits - before).abs().max()) > 0.1
        assert torch.equal(model.module(TOKENS).logits, before)


@pytest.mark.parametrize(("method", "library"), [("gptq", "optimum"), ("awq", "gptqmodel")])
def test_a_format_whose_library_is_missing_says_so(method: str, library: str, tmp_path: Path) -> None:
    try:
        __import__("gptqmodel")
        pytest.skip("it is installed")
    except ImportError:
        pass
    tiny_module("llama", **SIZES).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    declared(tmp_path, {"quant_method": method, "bits": 4, "group_size": 32})

    with pytest.raises(Prerequisite, match=f"(?s)could not load.*{library}"):
        load_model(tmp_path, options=CPU)


def test_a_quantised_checkpoint_is_not_quantised_again(tmp_path: Path) -> None:
    folder = written("block fp8", tmp_path)
    with pytest.raises(BadOption, match=r"(?s)quantised already.*leave --quantize out"):
        load_model(folder, options=LoadOptions(device="cpu", quantize="torchao-int8"))
