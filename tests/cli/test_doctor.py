"""`doctor`: what is said before anything runs, from a configuration alone and on the real model."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    Blip2Config,
    CTRLConfig,
    Dots1Config,
    Gemma3Config,
    Llama4Config,
    LlamaConfig,
    LlavaConfig,
    Phi3Config,
    Phi4MultimodalConfig,
    PreTrainedConfig,
    Qwen2AudioConfig,
    Qwen2VLConfig,
    RwkvConfig,
    T5Config,
)

from command_line import invoke
from neuroswitch.doctor.diagnosis import grouped, lines
from neuroswitch.doctor.examination import diagnose
from neuroswitch.models.options import LoadOptions
from neuroswitch.sites.finding import find_sites
from tiny import tiny_config, tiny_module, tiny_tokenizer

MXFP4 = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}


def examined(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Return exit status and the object that is printed, which must be all of the output."""
    result = invoke("doctor", folder, "--json", *options)
    return result.exit_code, json.loads(result.stdout)


def described(config: PreTrainedConfig, folder: Path) -> Path:
    config.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "name", ["llama", "gpt2", "qwen3_moe", "gpt_oss", "dbrx", "jetmoe", "longcat_flash", "zamba2", "rwkv"]
)
def test_a_configuration_is_enough_to_say_where_the_neurons_are(name: str, tmp_path: Path) -> None:
    longer = {"n_positions": 1024} if name == "gpt2" else {}
    status, said = examined(described(tiny_config(name, **longer), tmp_path))

    layout = find_sites(tiny_module(name)).layout
    assert status == 0
    assert said["model_type"] == name
    assert said["neurons"] == layout.size
    assert [(site["path"], site["kind"], site["width"], site["experts"]) for site in said["sites"]] == [
        (site.path, site.kind, site.width, site.experts) for site in layout.sites
    ]
    assert set(said["checks"].values()) == {True}


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        (Gemma3Config(), "model.language_model.layers"),
        (Qwen2VLConfig(), "model.language_model.layers"),
        (LlavaConfig(), "model.language_model.layers"),
        (Llama4Config(), "model.layers"),
        (RwkvConfig(), "rwkv.blocks"),
        (Qwen2AudioConfig(), "model.language_model.layers"),
        (Phi4MultimodalConfig(), "model.layers"),
        (CTRLConfig(), "transformer.h"),  # its tokenizer breaks without files
    ],
    ids=lambda value: getattr(value, "model_type", ""),
)
def test_real_sizes_and_wrappers_need_no_weights(
    config: PreTrainedConfig, layers: str, tmp_path: Path
) -> None:
    status, said = examined(described(config, tmp_path))

    assert status == 0
    assert said["layers_path"] == layers
    assert said["memory"]["weights"] > 1e9
    assert any("no weights here" in note for note in said["notes"])
    assert any("no tokenizer" in note for note in said["notes"])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (tiny_config("mamba"), "no feed-forward output projection"),
        (tiny_config("hrm_text"), "several stacks"),
        (T5Config(), "encoder-decoder"),
        (Blip2Config(), "does not answer text alone"),
        (Dots1Config(), "transformers cannot load"),  # the number of experts is left open
        (LlamaConfig(quantization_config={"quant_method": "unheard-of"}), "unheard-of"),
    ],
    ids=["mamba", "hrm_text", "t5", "blip-2", "incomplete", "quantised"],
)
def test_what_is_not_usable_is_said_with_the_reason(
    config: PreTrainedConfig, said: str, tmp_path: Path
) -> None:
    status, found = examined(described(config, tmp_path))

    assert status == 1
    assert found["model_type"] == config.model_type
    assert not all(found["checks"].values())
    assert said in " ".join(found["problems"])


@pytest.mark.parametrize("content", [None, "{", '{"model_type": "from_next_year"}'])
def test_a_folder_that_says_nothing_is_an_object_too(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)

    status, found = examined(tmp_path)

    assert status == 1
    assert found["sites"] == []
    assert found["neurons"] == 0
    assert found["checks"] == {"configuration": False}
    assert found["problems"]


def test_packed_experts_are_loaded_dequantised(tmp_path: Path) -> None:
    found = diagnose(described(tiny_config("gpt_oss", quantization_config=MXFP4), tmp_path))

    assert found.usable
    assert found.quantization is not None
    assert found.quantization.bits is None
    assert "dequantised" in found.quantization.works


def test_quantised_linear_maps_take_less_memory(tmp_path: Path) -> None:
    four_bits = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    plain = diagnose(described(LlamaConfig(num_hidden_layers=2), tmp_path / "plain"))
    packed = diagnose(
        described(LlamaConfig(num_hidden_layers=2, quantization_config=four_bits), tmp_path / "packed")
    )

    assert plain.memory is not None
    assert packed.memory is not None
    assert packed.memory.weights < plain.memory.weights / 2


def test_the_memory_of_the_weights_is_what_they_take(tmp_path: Path) -> None:
    module = tiny_module("mixtral")
    module.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)

    found = diagnose(tmp_path, options=LoadOptions(dtype="bfloat16"))

    assert found.memory is not None
    assert found.memory.weights == sum(weight.numel() for weight in module.parameters()) * 2


def test_caveats_of_an_architecture_are_said(tmp_path: Path) -> None:
    rope = {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "short_factor": [1.0] * 48,
        "long_factor": [1.0] * 48,
        "original_max_position_embeddings": 4096,
    }
    said = {
        "longrope": Phi3Config(rope_parameters=rope, num_hidden_layers=2),
        "more than 8 tokens": tiny_config("deepseek_v32"),
        "weights of another layer": tiny_config("zamba2"),
        "Neurons of experts": tiny_config("mixtral"),
        "is_decoder = false": BertConfig(),
    }
    for text, config in said.items():
        notes = diagnose(described(config, tmp_path / config.model_type)).notes
        assert any(text in note for note in notes), text


# ------------------------------------------------------------------------------------- the real model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny_module("qwen3_moe").save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    return tmp_path


def test_the_real_model_is_read_scaled_and_restored(model: Path) -> None:
    status, found = examined(model, "--probe")

    assert status == 0
    assert (
        found["checks"]
        | dict.fromkeys(
            [
                "loads_and_every_site_fires_once",
                "batch_equals_single",
                "multiplier_1_changes_no_bit",
                "scaling_takes_effect",
                "restored_bit_for_bit",
                "answers_as_it_reads",
            ],
            True,
        )
        == found["checks"]
    )


@pytest.mark.parametrize(("name", "answers"), [("trocr", True), ("roberta", False)])
def test_what_generate_makes_of_the_model_is_said(name: str, answers: bool, tmp_path: Path) -> None:
    tiny_module(name, max_position_embeddings=1024).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)

    status, found = examined(tmp_path, "--probe")

    assert status == int(not answers)
    assert found["checks"]["answers_as_it_reads"] is answers
    said = " ".join([*found["notes"], *found["problems"]])
    assert ("Padding changes its answers" if answers else "does not continue a text") in said


def test_prompts_are_shown_as_they_will_be_read(model: Path) -> None:
    found = diagnose(model)

    assert found.reading is not None
    assert (found.reading.bos, found.reading.token, found.reading.thinking) == ("one", "<|assistant|>", False)
    assert found.reading.system
    assert found.reading.example.endswith("<- read here, token 10 of 10")
    text = "\n".join(f"{name} {line}" for name, line in lines(found))
    assert grouped(found) == ["3 x model.layers.{layer}.mlp.experts, experts, 4 experts of 24"]
    assert grouped(found)[0] in text


def test_a_model_that_cannot_be_loaded_fails_the_probe_only(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    status, found = examined(model)
    assert status == 0
    status, found = examined(model, "--probe")
    assert status == 1
    assert found["checks"]["loads_and_every_site_fires_once"] is False


def test_weights_without_a_tokenizer_are_not_usable(tmp_path: Path) -> None:
    tiny_module("llama").save_pretrained(tmp_path)

    status, found = examined(tmp_path)

    assert status == 1
    assert found["checks"]["tokenizer"] is False
    assert found["neurons"] == 192


def test_the_text_for_people_ends_with_the_verdict(model: Path, tmp_path: Path) -> None:
    said = invoke("doctor", model)
    assert said.exit_code == 0
    assert said.stdout.rstrip().endswith("Usable.")
    refused = invoke("doctor", described(tiny_config("mamba"), tmp_path / "m"))
    assert refused.exit_code == 1
    assert refused.stdout.rstrip().endswith("Not usable as it is.")


def test_nothing_of_the_weights_is_read_unless_asked(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuroswitch.models.loading.ModelFiles.module", pytest.fail)
    assert diagnose(model).usable
    assert torch.get_default_dtype() == torch.float32


def test_learned_positions_that_end_before_the_answer_are_a_problem(tmp_path: Path) -> None:
    module = tiny_module("gpt2")
    module.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    status, said = examined(tmp_path, "--probe")
    assert (status, said["usable"], said["checks"]["prompt_and_answer_fit"]) == (1, False, False)
    (problem,) = said["problems"]
    assert "at most 128 tokens" in problem
    assert "--max-new-tokens" in problem
    status, said = examined(described(tiny_config("llama"), tmp_path / "rotary"))
    assert status == 0
    assert any("longer than the 128 tokens" in note for note in said["notes"])
