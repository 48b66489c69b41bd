"""Every exported form against the hook: the same logits, from files that other engines read."""

import errno
import json
import shutil

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from steered import (
    STATES,
    circuit_of,
    dosed,
    hooked_logits,
    log_probability_gap,
    logits,
    saved_model,
    spread_circuit,
)
from transformers import AutoModelForCausalLM

from neuroswitch.circuits.exporting import export
from neuroswitch.circuits.exports.forms import exporters
from neuroswitch.errors import BadCircuit, BadOption, Prerequisite, UnsupportedModel, WrongModel

DENSE = ["llama", "qwen2", "gpt2", "phi3", "opt", "falcon"]
EXPERTS = ["mixtral", "qwen3_moe", "gpt_oss", "deepseek_v3", "granitemoe", "llama4_text", "dbrx", "jetmoe"]
ROUNDING = 1e-5

# PEFT asks transformers for an attribute by its old name
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def llama(tmp_path):
    return saved_model("llama", tmp_path / "base")


def adapted(base, adapter):
    module = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(module, adapter).eval()


def plain(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("architecture", DENSE)
def test_peft_reads_ia3_and_gives_the_hooks_logits_bit_for_bit(architecture, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    for number, (strength, doses) in enumerate(STATES):
        circuit = dosed(spread_circuit(model), doses)
        folder = export(circuit, model, "ia3", tmp_path / str(number), strength=strength)
        assert torch.equal(
            logits(adapted(tmp_path / "base", folder)), hooked_logits(model, circuit, strength)
        )


@pytest.mark.parametrize("architecture", [*DENSE, "zamba2"])
def test_peft_reads_lora_and_gives_the_hooks_logits(architecture, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    for number, (strength, doses) in enumerate(STATES):
        circuit = dosed(spread_circuit(model), doses)
        folder = export(circuit, model, "lora", tmp_path / str(number), strength=strength)
        steered = logits(adapted(tmp_path / "base", folder))
        assert log_probability_gap(steered, hooked_logits(model, circuit, strength)) < ROUNDING
        assert log_probability_gap(steered, logits(model.module)) > 100 * ROUNDING


@pytest.mark.parametrize("architecture", ["deepseek_v3", "glm4_moe", "qwen3_next", "beam", "laguna"])
def test_what_peft_would_take_for_experts_is_no_lora_but_ia3(architecture, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    dense = [k for k, site in enumerate(model.layout.sites) if site.kind == "dense"]
    circuit = circuit_of(model, [model.layout.offsets[k] + 3 for k in dense])

    with pytest.raises(UnsupportedModel, match=r"PEFT does not apply(.|\n)*'ia3'"):
        export(circuit, model, "lora", tmp_path / "lora")
    folder = export(circuit, model, "ia3", tmp_path / "ia3", strength=-0.7)
    assert torch.equal(logits(adapted(tmp_path / "base", folder)), hooked_logits(model, circuit, -0.7))


def test_a_checkpoint_that_holds_experts_of_two_kinds_together_is_not_baked(tmp_path):
    model = saved_model("ernie4_5_vl_moe", tmp_path / "base")
    experts = next(k for k, site in enumerate(model.layout.sites) if site.kind == "experts")
    with pytest.raises(UnsupportedModel, match="only together with others"):
        export(circuit_of(model, [model.layout.offsets[experts]]), model, "weights", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [*DENSE, *EXPERTS])
def test_baked_weights_give_the_hooks_logits(architecture, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    for number, (strength, doses) in enumerate(STATES):
        circuit = dosed(spread_circuit(model, 30), doses)
        folder = export(circuit, tmp_path / "base", "weights", tmp_path / str(number), strength=strength)
        steered, expected = logits(plain(folder)), hooked_logits(model, circuit, strength)
        assert log_probability_gap(steered, expected) < ROUNDING
        assert log_probability_gap(steered, logits(model.module)) > 100 * ROUNDING
        if set((1 - strength * circuit.doses).tolist()) <= {0.0, 2.0}:  # powers of two round nothing
            assert torch.equal(steered, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "architecture"),
    [
        *((form, name) for form in ("lora", "gguf-lora", "mlx") for name in ("llama", "gpt2", "phi3")),
        ("lora", "zamba2"),  # the checkpoint holds weights that layers share once
    ],
)
def test_a_checkpoint_on_disk_and_a_model_in_memory_give_the_same_bytes(form, architecture, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    circuit = dosed(spread_circuit(model))
    first = export(circuit, model, form, tmp_path / "a", strength=-0.7)
    second = export(circuit, tmp_path / "base", form, tmp_path / "b", strength=-0.7)
    files = [first] if first.is_file() else sorted(first.iterdir())
    for file in files:
        other = second if second.is_file() else second / file.name
        assert file.read_bytes() == other.read_bytes()


def test_the_rank_is_that_of_the_fullest_layer_for_all_and_padded_with_zeros(llama, tmp_path):
    circuit = circuit_of(llama, [0, 1, 2, 70])
    tensors = load_file(export(circuit, llama, "lora", tmp_path / "lora") / "adapter_model.safetensors")
    down = tensors["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"]
    assert {tuple(tensor.shape) for tensor in tensors.values()} == {(3, 64), (32, 3)}
    assert down.nonzero().tolist() == [[0, 6]]
    assert json.loads((tmp_path / "lora" / "adapter_config.json").read_text())["r"] == 3


def test_a_rank_that_no_engine_takes_is_an_error_that_names_the_alternative(tmp_path):
    model = saved_model("llama", tmp_path / "base", intermediate_size=600)
    with pytest.raises(UnsupportedModel, match=r"rank 513(.|\n)*at most 512(.|\n)*'weights'"):
        export(circuit_of(model, list(range(513))), model, "lora", tmp_path / "lora")
    export(circuit_of(model, list(range(512))), model, "lora", tmp_path / "lora")


@pytest.mark.parametrize("form", ["ia3", "lora", "gguf-lora", "mlx"])
def test_adapters_refuse_fused_experts_and_name_what_takes_them(form, tmp_path):
    model = saved_model("mixtral", tmp_path / "base")
    with pytest.raises(UnsupportedModel, match=r"fused experts(.|\n)*'weights'"):
        export(circuit_of(model, [3]), model, form, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_baking_changes_only_the_touched_values(llama, tmp_path):
    circuit = circuit_of(llama, [5, 64 + 7])
    folder = export(circuit, llama, "weights", tmp_path / "out", strength=-2.0)
    shards = sorted((tmp_path / "base").glob("*.safetensors"))
    assert len(shards) > 1
    changed = 0
    for shard in shards:
        before, after = load_file(shard), load_file(folder / shard.name)
        changed += sum(int((before[name] != after[name]).sum()) for name in before)
    assert changed == 2 * 32
    companions = {path.name for path in (tmp_path / "base").iterdir()} - {"README.md"}
    assert {path.name for path in folder.iterdir()} == companions | {"neuroswitch.json"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_checkpoints_are_scaled_in_float32_and_rounded_once(dtype, llama, tmp_path):
    llama.module.to(dtype).save_pretrained(tmp_path / "half")
    llama.tokenizer.save_pretrained(tmp_path / "half")
    folder = export(circuit_of(llama, [5]), tmp_path / "half", "weights", tmp_path / "out", strength=-0.7)
    name = "model.layers.0.mlp.down_proj.weight"
    (before,) = (
        load_file(file)[name] for file in tmp_path.glob("half/*.safetensors") if name in load_file(file)
    )
    (after,) = (load_file(file)[name] for file in folder.glob("*.safetensors") if name in load_file(file))
    assert torch.equal(after[:, 5], (before[:, 5].float() * 1.7).to(dtype))
    assert torch.equal(after[:, 6:], before[:, 6:])


def test_layers_that_share_weights_are_not_baked(tmp_path):
    model = saved_model("zamba2", tmp_path / "base")
    with pytest.raises(UnsupportedModel, match=r"share their weights(.|\n)*'ia3'"):
        export(circuit_of(model, [3]), model, "weights", tmp_path / "out")


def test_another_model_is_refused(llama, tmp_path):
    saved_model("llama", tmp_path / "other", num_hidden_layers=4)
    for form in ("lora", "weights", "ia3"):
        with pytest.raises(WrongModel):
            export(circuit_of(llama, [3]), tmp_path / "other", form, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage"])
def test_a_damaged_shard_is_named_and_nothing_is_left(llama, tmp_path, damage):
    shard = sorted((tmp_path / "base").glob("*.safetensors"))[1]
    content = shard.read_bytes()
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(content[:-10] if damage == "truncated" else b"\xff" * len(content))
    for form in ("weights", "lora"):
        with pytest.raises(Prerequisite, match=shard.name):
            export(circuit_of(llama, [3]), tmp_path / "base", form, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize("form", exporters.names())
def test_a_full_disk_leaves_nothing(form, llama, tmp_path, monkeypatch):
    if form == "gguf":
        pytest.skip("see test_llamacpp.py, which has a GGUF file")

    def full(*arguments, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    monkeypatch.setattr("neuroswitch.storage.os.fsync", full)
    with pytest.raises(Prerequisite, match="No space left on device"):
        export(circuit_of(llama, [3]), llama, form, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_destination_in_use_is_refused(llama, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    for form in ("ia3", "lora", "weights", "gguf-lora", "mlx"):
        with pytest.raises(Prerequisite, match="exists already"):
            export(circuit_of(llama, [3]), llama, form, tmp_path / "out")


def test_mlx_files_are_the_lora_transposed(llama, tmp_path):
    circuit = spread_circuit(llama)
    lora = load_file(export(circuit, llama, "lora", tmp_path / "lora") / "adapter_model.safetensors")
    folder = export(circuit, llama, "mlx", tmp_path / "mlx")
    config = json.loads((folder / "adapter_config.json").read_text())
    for name, tensor in load_file(folder / "adapters.safetensors").items():
        path, letter = name[:-1], name[-1].upper()
        assert torch.equal(tensor.T, lora[f"base_model.model.{path}{letter}.weight"])
    assert config["lora_parameters"]["keys"] == ["mlp.down_proj"]
    assert config["num_layers"] == 3


def test_what_cannot_be_exported_is_said(llama, tmp_path):
    with pytest.raises(BadCircuit, match="empty"):
        export(circuit_of(llama, []), llama, "ia3", tmp_path / "out")
    with pytest.raises(BadOption, match="finite"):
        export(circuit_of(llama, [1]), llama, "ia3", tmp_path / "out", strength=float("nan"))
    with pytest.raises(BadOption, match=r"no export form called 'onnx'(.|\n)*ia3"):
        export(circuit_of(llama, [1]), llama, "onnx", tmp_path / "out")
    with pytest.raises(UnsupportedModel, match=r"GGUF file, and a model was given"):
        export(circuit_of(llama, [1]), llama, "gguf", tmp_path / "out")
