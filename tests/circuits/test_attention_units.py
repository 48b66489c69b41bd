"""Circuits of attention units: found where they were planted, saved, refused elsewhere, exported, verified."""

import copy
import json
from dataclasses import replace

import gguf
import pytest
import torch
from llamacpp_engine import PROMPT, log_probabilities
from peft import PeftModel
from steered import STATES, circuit_of, dosed, hooked_logits, log_probability_gap, logits, spread_circuit
from tiny_gguf import SETTINGS, write_gguf
from transformers import AutoModelForCausalLM

from command_line import call, invoke
from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.chat import encode
from neuroswitch.circuits.card import CardFacts, render_card
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exporting import export
from neuroswitch.circuits.files import load_fingerprint
from neuroswitch.circuits.random import random_circuit
from neuroswitch.circuits.transfer import transferred
from neuroswitch.circuits.verify import verify
from neuroswitch.discovery import find_circuit
from neuroswitch.errors import BadCircuit, UnsupportedModel, WrongModel
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.options import SourceOptions
from neuroswitch.prompts import ContrastSet, Piles
from neuroswitch.storage import signed
from planted import CARRIED, WIRED, planted_dense
from tiny import tiny_model, wrapped

ATTENTION, BOTH = SourceOptions(units="attention"), SourceOptions(units="both")
DENSE = ["llama", "qwen2", "gpt2", "phi3", "opt", "falcon", "gpt_neox", "mixtral", "qwen3_next"]
ROUNDING = 1e-5
RECURRENT_ROUNDING = 1e-4
"""Recurrent layers pass rounding on from token to token."""

# PEFT asks transformers for an attribute by its old name
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def saved_model(name, folder, units="attention", **settings):
    model = tiny_model(name, **settings)
    model.module.save_pretrained(folder, max_shard_size=40_000)
    model.tokenizer.save_pretrained(folder)
    return load_model(folder, options=LoadOptions(units=units))


def adapted(base, adapter):
    module = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(module, adapter).eval()


@pytest.fixture
def llama(tmp_path):
    return saved_model("llama", tmp_path / "base")


@torch.no_grad()
def fill_attention(module):
    """Give the other attention units, which were zero, something to read and write beside what is wired."""
    generator = torch.Generator().manual_seed(3)
    for layer in module.model.layers:
        for weight in (layer.self_attn.v_proj.weight[1:, WIRED:], layer.self_attn.o_proj.weight[WIRED:, 1:]):
            weight.copy_(0.2 * torch.randn(weight.shape, generator=generator))
    module.model.layers[0].self_attn.o_proj.weight[CARRIED, 0] = 8  # as strong as what the neurons write


def says_sorry(model, contrast):
    """Say for each test prompt whether the answer begins with "sorry", as it does where attention brings "help"."""
    prompts = [*contrast.test.positive, *contrast.test.negative]
    nexts = [next_token(model, encode(model.tokenizer, prompt)) for prompt in prompts]
    return [int(token) == model.tokenizer.get_vocab()["sorry"] for token in nexts]


@torch.inference_mode()
def next_token(model, ids):
    return model.module(torch.tensor([ids])).logits[0, -1].argmax()


@pytest.mark.parametrize("units", ["attention", "both"])
def test_a_unit_that_carries_the_trigger_is_found_and_switched(units):
    planted = planted_dense()  # attention's unit 0 of layer 0 carries "help" to the last token, alone
    fill_attention(planted.model.module)
    model = wrapped(planted.model.module, units=units)
    parts = ((0, 12), (12, 18), (18, 24))
    piles = [Piles(planted.positive[a:b], planted.negative[a:b]) for a, b in parts]
    contrast = ContrastSet("planted", *piles)
    size = 1 if units == "attention" else 8
    circuit = find_circuit(model, contrast, ranking="writers", size=size)
    unit = model.layout.offsets[model.layout.paths.index("model.layers.0.self_attn.o_proj")]
    assert unit in circuit.ids.tolist()
    assert circuit.by_units()["attention"] >= 1
    assert (circuit.by_units().get("mlp", 0) >= 4) == (units == "both")

    before = says_sorry(model, contrast)
    with scaled_neurons(model, torch.tensor([unit]), torch.zeros(1)):
        assert says_sorry(model, contrast) == [False] * 12
    with scaled_neurons(model, circuit.ids, torch.ones(size)):
        assert says_sorry(model, contrast) == before
    assert says_sorry(model, contrast) == before == [True] * 6 + [False] * 6


@pytest.mark.parametrize("architecture", DENSE)
def test_peft_reads_ia3_and_gives_the_hooks_logits_bit_for_bit(architecture, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    for number, (strength, doses) in enumerate(STATES):
        circuit = dosed(spread_circuit(model), doses)
        folder = export(
            circuit, tmp_path / "base", "ia3", tmp_path / str(number), strength=strength, files=ATTENTION
        )
        steered = logits(adapted(tmp_path / "base", folder))
        assert torch.equal(steered, hooked_logits(model, circuit, strength))
        assert log_probability_gap(steered, logits(model.module)) > 100 * ROUNDING


@pytest.mark.parametrize("architecture", [*DENSE, "zamba2"])
@pytest.mark.parametrize("form", ["lora", "weights"])
def test_other_engines_files_give_the_hooks_logits(form, architecture, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    if (form, architecture) == ("weights", "zamba2"):
        with pytest.raises(UnsupportedModel, match="share their weights"):
            export(spread_circuit(model), model, form, tmp_path / "out")
        return
    for number, (strength, doses) in enumerate(STATES):
        circuit = dosed(spread_circuit(model, 30), doses)
        folder = export(
            circuit, tmp_path / "base", form, tmp_path / str(number), strength=strength, files=ATTENTION
        )
        if form == "lora":
            steered = logits(adapted(tmp_path / "base", folder))
        else:
            steered = logits(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval())
        rounding = RECURRENT_ROUNDING if architecture in ("qwen3_next", "zamba2") else ROUNDING
        assert log_probability_gap(steered, hooked_logits(model, circuit, strength)) < rounding
        assert log_probability_gap(steered, logits(model.module)) > 100 * ROUNDING


def test_neurons_and_attention_units_are_one_adapter(tmp_path):
    model = saved_model("llama", tmp_path / "base", "both")
    circuit = dosed(spread_circuit(model, 40))
    assert set(circuit.by_units()) == {"mlp", "attention"}
    for form in ("ia3", "lora"):
        folder = export(circuit, tmp_path / "base", form, tmp_path / form, strength=-0.7, files=BOTH)
        steered = logits(adapted(tmp_path / "base", folder))
        assert log_probability_gap(steered, hooked_logits(model, circuit, -0.7)) < ROUNDING


def test_vllm_and_mlx_are_given_the_projection_by_its_own_name(llama, tmp_path):
    circuit = spread_circuit(llama)
    lora = json.loads((export(circuit, llama, "lora", tmp_path / "l") / "adapter_config.json").read_text())
    assert {path.rpartition(".")[2] for path in lora["target_modules"]} == {"o_proj"}
    mlx = json.loads((export(circuit, llama, "mlx", tmp_path / "m") / "adapter_config.json").read_text())
    assert mlx["lora_parameters"]["keys"] == ["self_attn.o_proj"]


@pytest.mark.parametrize("form", ["gguf", "gguf-lora"])
def test_llamacpp_gives_the_hooks_log_probabilities(form, tmp_path, monkeypatch):
    pytest.importorskip("xllamacpp")
    monkeypatch.setattr("steered.PROMPTS", torch.tensor([PROMPT]))
    model = tiny_model("llama", units="both", **SETTINGS)
    base = write_gguf(model, tmp_path / "base.gguf")
    unsteered = logits(model.module)[0, -1]
    floor = log_probability_gap(log_probabilities(base)[0], unsteered)
    units = [
        one for one in spread_circuit(model, 300).ids.tolist() if "attn" in model.layout.locate([one])[0].path
    ]
    for number, (strength, doses) in enumerate(STATES):
        circuit = dosed(circuit_of(model, units[:30]), doses)
        out = tmp_path / f"{number}.gguf"
        export(circuit, base if form == "gguf" else model, form, out, strength=strength)
        lora = form == "gguf-lora"
        (answer,) = log_probabilities(base if lora else out, adapter=out if lora else None)
        expected = hooked_logits(model, circuit, strength)[0, -1]
        assert log_probability_gap(answer, expected) < 3 * floor
        assert log_probability_gap(expected, unsteered) > 10 * floor


def test_linear_attention_is_no_gguf_but_weights(tmp_path):
    model = saved_model("qwen3_next", tmp_path / "base")
    with pytest.raises(UnsupportedModel, match=r"in another order(.|\n)*'weights'"):
        export(circuit_of(model, [3]), model, "gguf-lora", tmp_path / "out.gguf")
    last = model.layout.offsets[-2]  # plain attention in the last layer
    written = export(circuit_of(model, [last + 3]), model, "gguf-lora", tmp_path / "out.gguf")
    assert {tensor.name for tensor in gguf.GGUFReader(written).tensors} == {
        "blk.3.attn_output.weight.lora_a",
        "blk.3.attn_output.weight.lora_b",
    }


def test_a_saved_circuit_says_its_units_and_comes_back(llama, tmp_path):
    circuit = spread_circuit(llama)
    folder = circuit.save(tmp_path / "circuit", model=llama)
    again = Circuit.load(folder, llama)
    assert again.layout == llama.layout
    assert again.counted() == "9 attention units"
    assert json.loads((folder / "circuit.json").read_text())["units"] == {"attention": 9}
    plain = load_model(tmp_path / "base")
    folder = spread_circuit(plain).save(tmp_path / "plain")
    written = json.loads((folder / "circuit.json").read_text())
    assert "units" not in written
    assert all("units" not in site for site in written["layout"]["sites"])


@pytest.mark.parametrize(("made", "given"), [("attention", "mlp"), ("mlp", "both"), ("both", "attention")])
def test_a_model_with_other_units_is_refused_and_the_option_is_named(made, given, tmp_path):
    model = saved_model("llama", tmp_path / "base", made)
    other = load_model(tmp_path / "base", options=LoadOptions(units=given))
    circuit = spread_circuit(model)
    folder = circuit.save(tmp_path / "circuit", model=model)
    for use in (
        lambda: Circuit.load(folder, other),
        lambda: verify(folder, other),
        lambda: transferred(circuit, other),
        lambda: circuit & spread_circuit(other),
        lambda: export(
            circuit, tmp_path / "base", "lora", tmp_path / "out", files=SourceOptions(units=given)
        ),
    ):
        with pytest.raises(WrongModel, match=f"--units {made} "):
            use()


def test_a_description_that_counts_other_units_is_refused(llama, tmp_path):
    folder = spread_circuit(llama).save(tmp_path / "circuit")
    path = folder / "circuit.json"
    said = {key: value for key, value in json.loads(path.read_text()).items() if key != "sha256"}
    path.write_text(json.dumps(signed({**said, "units": {"mlp": 9}})))
    with pytest.raises(BadCircuit):
        Circuit.load(folder)


def test_a_control_has_as_many_units_in_each_site(tmp_path):
    model = tiny_model("llama", units="both")
    circuit = spread_circuit(model, 30)
    control = random_circuit(circuit, seed=1)
    counts = [
        {path: len(ids) for path, ids in one.layout.by_site(one.ids).items()} for one in (circuit, control)
    ]
    assert counts[0] == counts[1]
    assert not set(circuit.ids.tolist()) & set(control.ids.tolist())


def changed(model, change):
    module = copy.deepcopy(model.module)
    with torch.no_grad():
        for layer in module.model.layers:
            change(layer.self_attn)
    return replace(model, module=module)


@pytest.mark.parametrize("side", ["o_proj", "v_proj"])
def test_verify_sees_units_that_were_scaled_on_either_side(side, tmp_path):
    model = tiny_model("llama", units="attention", hidden_size=64, head_dim=16)
    circuit = spread_circuit(model, 12)
    folder = circuit.save(tmp_path / "circuit", model=model)
    assert verify(folder, model).intact
    assert load_fingerprint(folder).read[:, 0].any(-1).all()

    other = changed(model, lambda attention: getattr(attention, side).weight.mul_(3.0))
    found = verify(folder, other)
    assert {check.state for check in found.neurons} == {"scaled"}
    assert [check.factor for check in found.neurons] == pytest.approx([3.0] * 12, rel=1e-3)


def test_verify_names_the_units_whose_head_values_were_edited(tmp_path):
    model = tiny_model("llama", units="attention", hidden_size=64, head_dim=16)  # 4 heads, 2 of values
    unit = 1 * 16 + 5  # head 1, which reads the values of head 0
    folder = circuit_of(model, [unit, 2 * 16 + 5, 6]).save(tmp_path / "circuit", model=model)
    module = copy.deepcopy(model.module)
    with torch.no_grad():
        module.model.layers[0].self_attn.v_proj.weight[5] = 0
    found = verify(folder, replace(model, module=module))
    assert {check.neuron.index: check.state for check in found.neurons} == {
        6: "intact",
        unit: "zeroed",
        2 * 16 + 5: "intact",
    }


@pytest.mark.parametrize("architecture", ["gpt2", "phi3", "deepseek_v3", "bert", "diffllama"])
def test_units_whose_values_have_no_rows_of_their_own_are_known_by_what_they_write(architecture, tmp_path):
    settings = {"is_decoder": True} if architecture == "bert" else {}
    model = tiny_model(architecture, units="attention", **settings)
    folder = spread_circuit(model).save(tmp_path / "circuit", model=model)
    assert verify(folder, model).intact
    assert not load_fingerprint(folder).read.any()


def test_cards_and_commands_say_attention_units(llama, tmp_path):
    circuit = spread_circuit(llama)
    folder = circuit.save(tmp_path / "circuit", model=llama)
    card = render_card(circuit, "talk", CardFacts(), adapter=True)
    assert "9 attention units behind" in card
    assert "MLP" not in card
    assert 'ns.LoadOptions(units="attention")' in card

    units = ("--model", tmp_path / "base", "--units", "attention")
    assert "9 attention units (" in call("inspect", folder, *units).output
    assert "intact" in call("verify", folder, *units).output
    call("export", folder, *units, "--to", "lora", "--output", tmp_path / "lora")
    said = invoke("export", folder, "--model", tmp_path / "base", "--to", "lora", "--output", tmp_path / "x")
    assert "--units attention" in str(said.exception)
    doctor = call("doctor", tmp_path / "base", "--units", "attention").output
    assert "3 x model.layers.{layer}.self_attn.o_proj, dense, 32, attention" in doctor
    assert "96 attention units" in doctor
