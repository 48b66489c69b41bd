"""GGUF: a small file written here is loaded as the model it was made from, and converted only once."""

import os
from pathlib import Path

import gguf
import pytest
import torch
from gguf_files import ARCHITECTURES, REFUSED, write_gguf

from neuroswitch.activations.output import output_columns
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import gguf as conversion
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.sites.finding import find_sites
from tiny import tiny_module, tiny_tokenizer

CPU = LoadOptions(device="cpu")
LARGE = {"phi3", "qwen2_moe", "qwen3_moe"}  # sizes that no file carries must be those of real models


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path / "cache"))
    return write_gguf(tiny_module("qwen2"), tmp_path / "tiny.gguf", "qwen2")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in ARCHITECTURES],
)
def test_a_gguf_file_is_the_model_it_was_made_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path / "cache"))
    architecture, sizes = ARCHITECTURES[name]
    original = tiny_module(name, **sizes)
    file = write_gguf(original, tmp_path / "tiny.gguf", architecture)
    ids = torch.tensor([[3, 5, 8, 13]])

    model = load_model(file, options=CPU)

    with torch.inference_mode():
        torch.testing.assert_close(model.module(ids).logits, original(ids).logits)
    assert model.layout.size == find_sites(original).layout.size
    assert model.identity.source == "GGUF file tiny.gguf"
    assert model.tokenizer.chat_template == tiny_tokenizer().chat_template
    assert model.tokenizer.decode(model.tokenizer.encode("abc")) == "abc"
    assert len(model.tokenizer.encode("abc", add_special_tokens=False)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_transformers_would_fill_with_random_weights_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path / "cache"))
    architecture, sizes = REFUSED[name]
    file = write_gguf(tiny_module(name, **sizes), tmp_path / "tiny.gguf", architecture)

    with pytest.raises(UnsupportedModel, match="does not find all weights"):
        load_model(file, options=CPU)
    assert not list((tmp_path / "cache" / "gguf").glob("tiny-*/"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("llama", kind) for kind in ("F16", "BF16", "Q8_0", "Q5_1", "Q4_0")),
        *((name, kind) for name in ("lfm2", "qwen3_5_text") for kind in ("F16", "Q8_0", "Q4_0")),
    ],
)
def test_columns_are_what_the_quantised_file_stores(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path / "cache"))
    architecture, sizes = ARCHITECTURES[name]
    original, stored = tiny_module(name, **sizes), gguf.GGMLQuantizationType[kind]
    model = load_model(write_gguf(original, tmp_path / "tiny.gguf", architecture, stored), options=CPU)

    found = output_columns(model, torch.arange(model.layout.size))

    sites = find_sites(original).layout.sites
    down = [original.get_submodule(site.path).weight.detach().numpy() for site in sites]
    expected = [gguf.dequantize(gguf.quantize(weight, stored), stored).T for weight in down]
    assert torch.equal(found, torch.cat(list(map(torch.from_numpy, expected))))
    assert not torch.equal(found, torch.cat([torch.from_numpy(weight.T) for weight in down]))


def test_it_is_converted_once_for_each_type(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = conversion.convert, []
    monkeypatch.setattr(
        conversion, "convert", lambda *arguments, **options: done.append(real(*arguments, **options))
    )

    for dtype in ("float32", "float32", "bfloat16", "bfloat16"):
        load_model(file, options=LoadOptions(dtype=dtype, device="cpu"))
    assert len(done) == 2

    write_gguf(tiny_module("qwen2", seed=5), file, "qwen2")
    os.utime(file, ns=(0, 0))
    changed = load_model(file, options=CPU)
    assert len(done) == 3
    assert torch.equal(
        changed.module.state_dict()["lm_head.weight"],
        tiny_module("qwen2", seed=5).state_dict()["lm_head.weight"],
    )


def test_what_is_not_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pointer.gguf"
    path.write_text("version https://git-lfs.github.com/spec/v1")

    with pytest.raises(Prerequisite, match=r"(?s)not a GGUF file.*b'vers'"):
        load_model(path)


def test_an_architecture_that_transformers_cannot_read_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tiny_module("qwen2"), tmp_path / "odd.gguf", "qwen2", called="oddity")

    with pytest.raises(UnsupportedModel, match="oddity"):
        load_model(path)
