"""Loading: what comes in is proven and has one identity, what would fail silently is refused."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForTokenClassification, PreTrainedModel

from neuroswitch.errors import BadOption, Prerequisite, UnsupportedModel
from neuroswitch.models.loading import load_model, wrap_model
from neuroswitch.models.options import LoadOptions
from tiny import tiny_module, tiny_tokenizer

CPU = LoadOptions(device="cpu")


def saved(module: PreTrainedModel, folder: Path) -> Path:
    """Save a model and a tokenizer as anybody would."""
    module.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tiny_module("llama"), tmp_path_factory.mktemp("model"))


def test_a_loaded_model_computes_what_the_saved_one_did(folder: Path) -> None:
    ids = torch.tensor([[3, 5, 8, 13]])

    model = load_model(folder, options=CPU)

    with torch.inference_mode():
        assert torch.equal(model.module(ids).logits, tiny_module("llama")(ids).logits)
    assert model.layout.size == 3 * 64
    assert not model.module.training


def test_options_choose_the_type_and_auto_means_float32_on_a_cpu(folder: Path) -> None:
    types = [
        load_model(folder, options=LoadOptions(dtype=dtype, device="cpu")).identity.dtype
        for dtype in ("auto", "bfloat16", "float16")
    ]

    assert types == ["float32", "bfloat16", "float16"]


def test_one_checkpoint_has_one_identity_however_it_is_loaded(tmp_path: Path) -> None:
    module = tiny_module("llama").to(torch.bfloat16)
    saved(module, tmp_path)

    loaded = [
        load_model(tmp_path, options=LoadOptions(dtype=dtype, device="cpu"))
        for dtype in ("float32", "bfloat16")
    ]
    identities = [
        asdict(model.identity) for model in [*loaded, wrap_model(module, tiny_tokenizer(), name="the same")]
    ]

    for name in ("model_type", "config_sha256", "template_sha256", "weights_sha256"):
        assert len({identity[name] for identity in identities}) == 1, name
    other = wrap_model(tiny_module("llama", seed=5), tiny_tokenizer(), name="the same")
    assert identities[0]["weights_sha256"] != other.identity.weights_sha256


def test_a_user_can_say_where_the_neurons_are(folder: Path) -> None:
    options = LoadOptions(sites="model.layers.{layer}.mlp.up_proj", device="cpu")

    assert {site.path.rpartition(".")[2] for site in load_model(folder, options=options).layout.sites} == {
        "up_proj"
    }
    with pytest.raises(UnsupportedModel, match="no_such_module"):
        load_model(folder, options=LoadOptions(sites="model.layers.{layer}.no_such_module", device="cpu"))


def test_the_structure_can_be_had_without_weights(folder: Path) -> None:
    model = load_model(folder, options=LoadOptions(device="meta"))

    assert model.module.device.type == "meta"
    assert model.layout == load_model(folder, options=CPU).layout
    assert model.identity.weights_sha256 is None


def test_a_wrapped_model_is_proven_too() -> None:
    model = wrap_model(tiny_module("gpt2"), tiny_tokenizer(), name="mine")

    assert model.identity.name == "mine"
    assert model.identity.model_type == "gpt2"


def lacks_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def is_torn(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def is_pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def is_an_adapter(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")


def is_no_model(folder: Path) -> None:
    (folder / "config.json").unlink()


def brings_code(folder: Path) -> None:
    path = folder / "config.json"
    text = path.read_text().replace('"llama"', '"my_own"')
    path.write_text(text.replace("{", '{"auto_map": {"AutoConfig": "code.Config"},', 1))


def is_unheard_of(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"llama"', '"unheard_of"'))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lacks_weights, Prerequisite, r"(?s)lacks weights.*layers\.1\.mlp\.down_proj"),
        (is_torn, Prerequisite, r"(?s)could not load.*SafetensorError"),
        (is_pickled, Prerequisite, r"(?s)pickled.*pytorch_model\.bin"),
        (is_an_adapter, Prerequisite, "a circuit or another adapter"),
        (is_no_model, Prerequisite, r"no config\.json"),
        (brings_code, Prerequisite, "--trust-remote-code"),
        (is_unheard_of, UnsupportedModel, "unheard_of"),
    ],
)
def test_a_folder_that_would_fail_silently_or_late_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[Exception], message: str
) -> None:
    spoil(saved(tiny_module("llama"), tmp_path))

    with pytest.raises(error, match=message):
        load_model(tmp_path, options=CPU)


def test_what_is_no_language_model_is_refused(tmp_path: Path) -> None:
    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=128
    )
    saved(BertForTokenClassification(config), tmp_path)

    with pytest.raises((Prerequisite, UnsupportedModel)):
        load_model(tmp_path, options=CPU)


@pytest.mark.parametrize(
    "source", ["./nowhere", "/no/such/model", "~/nowhere", "nowhere.gguf", "a/b/c", "gpt"]
)
def test_a_path_to_nothing_is_not_looked_for_on_the_hub(source: str) -> None:
    with pytest.raises(Prerequisite, match="there is no model"):
        load_model(source)


def test_a_model_that_cannot_be_fetched_says_why() -> None:
    with pytest.raises(Prerequisite, match="could not load nobody/nothing"):
        load_model("nobody/nothing")


def test_an_unknown_type_is_refused(folder: Path) -> None:
    with pytest.raises(BadOption, match="float32, bfloat16"):
        load_model(folder, options=LoadOptions(dtype="int3"))


def test_the_demo_model_is_found_proven_and_says_which_copy_it_is(demo) -> None:  # type: ignore[no-untyped-def]
    assert demo.layout.size == 24 * 4864
    assert demo.identity.name == "Qwen/Qwen2.5-Coder-0.5B-Instruct"
    assert "sha256" in demo.identity.source or "commit" in demo.identity.source
    ids = demo.tokenizer("The capital of France is", return_tensors="pt").input_ids
    with torch.inference_mode():
        best = demo.module(ids.to(demo.device)).logits[0, -1].argmax()
    assert demo.tokenizer.decode(best) == " Paris"
