"""Circuits of models that carry a PEFT adapter already: what they save is found by PEFT."""

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from safetensors import safe_open
from steered import hooked_logits, logits, spread_circuit

import neuroswitch as ns
from neuroswitch.activations import output_columns
from neuroswitch.errors import UnsupportedModel
from tiny import tiny_llama, tiny_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def adapted(*targets: str) -> PeftModel:
    torch.manual_seed(0)
    config = LoraConfig(target_modules=list(targets), r=2, init_lora_weights=False)
    return get_peft_model(tiny_llama().module, config).eval()


@pytest.mark.parametrize("targets", [("q_proj",), ("q_proj", "down_proj")])
def test_peft_finds_the_neurons_of_a_wrapped_peft_model(targets, tmp_path):
    wrapped = ns.wrap_model(adapted(*targets), tiny_tokenizer(), name="tiny")
    assert wrapped.layout == tiny_llama().layout, "each neuron once, under the names of the base model"
    circuit = spread_circuit(wrapped)
    folder = circuit.save(tmp_path / "circuit", model=wrapped)
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        assert all(name.startswith("base_model.model.model.layers.") for name in file.keys())  # noqa: SIM118
    expected = hooked_logits(wrapped, circuit, 1.0)
    merged = adapted(*targets).merge_and_unload()
    assert torch.allclose(logits(PeftModel.from_pretrained(merged, folder).eval()), expected, atol=1e-5)
    assert not torch.allclose(logits(wrapped.module), expected, atol=1e-3)


def test_what_a_neuron_writes_includes_the_adapter():
    model, plain = adapted("down_proj"), tiny_llama()
    wrapped = ns.wrap_model(model, tiny_tokenizer(), name="tiny")
    ids = torch.tensor([0, 70])
    merged = ns.wrap_model(adapted("down_proj").merge_and_unload(), tiny_tokenizer(), name="tiny")
    assert torch.allclose(output_columns(wrapped, ids), output_columns(merged, ids), atol=1e-6)
    assert not torch.allclose(output_columns(wrapped, ids), output_columns(plain, ids), atol=1e-3)


def test_learned_tokens_are_refused():
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    with pytest.raises(UnsupportedModel, match="learned tokens"):
        ns.wrap_model(get_peft_model(tiny_llama().module, config), tiny_tokenizer(), name="tiny")


def test_a_pattern_that_counts_neurons_twice_is_refused():
    path = "model.layers.{layer}.mlp.down_proj"
    module = adapted("down_proj").get_base_model()
    with pytest.raises(UnsupportedModel, match="neurons would count twice"):
        ns.wrap_model(module, tiny_tokenizer(), name="tiny", sites=f"{path},{path}.base_layer")
    advised = ns.wrap_model(module, tiny_tokenizer(), name="tiny", sites=path)
    assert advised.layout.size == tiny_llama().layout.size
