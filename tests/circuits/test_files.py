"""Circuit folders: what is saved comes back, PEFT reads it unaided, and nothing damaged is accepted."""

import errno
import hashlib
import json
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from steered import STATES, circuit_of, dosed, hooked_logits, logits, saved_model, spread_circuit
from transformers import AutoModelForCausalLM

import neuroswitch.storage
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.files import load_fingerprint
from neuroswitch.circuits.random import random_circuit
from neuroswitch.errors import BadCircuit, BadOption, Prerequisite, WrongModel
from neuroswitch.storage import signed
from tiny import tiny_llama, tiny_model

FILES = {"circuit.json", "circuit.safetensors", "adapter_config.json", "adapter_model.safetensors"}


@pytest.fixture(scope="module")
def model():
    return tiny_llama()


@pytest.fixture
def folder(model, tmp_path):
    return spread_circuit(model).save(tmp_path / "circuit")


def same(a: Circuit, b: Circuit) -> bool:
    ours, theirs = ({"ids": one.ids, "doses": one.doses, **one.evidence()} for one in (a, b))
    equal = ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    return equal and a.layout == b.layout and a.provenance == b.provenance


MADE = {
    "model": {"name": "tiny", "model_type": "llama", "config_sha256": "0" * 64},
    "prompts_sha256": "0" * 64,
    "contrast": "test",
    "ranking": "test",
}
PROVENANCES = [
    {**MADE, "model": {}},
    {**MADE, "model": {**MADE["model"], "name": None}},
    {**MADE, "model": {**MADE["model"], "name": "\x1b[2Jtiny"}},
    {**MADE, "model": {**MADE["model"], "name": 3}},
    {**MADE, "model": {**MADE["model"], "name": "x" * 256}},
    {**MADE, "model": {**MADE["model"], "location": "x" * 256}},
    {**MADE, "contrast": "two\nlines"},
    {**MADE, "ranking": "x" * 5000},
    {**MADE, "versions": {"torch": None}},
    {**MADE, "arguments": []},
]


def rewrite(folder, **changes):
    """Change entries of circuit.json, and keep the digests right, as an attacker would."""
    path = folder / "circuit.json"
    description = {**json.loads(path.read_text()), **changes}
    for name in description["files"] if isinstance(description["files"], dict) else ():
        description["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(signed({name: one for name, one in description.items() if name != "sha256"})))


def test_a_saved_circuit_comes_back_equal(model, tmp_path):
    circuit = dosed(spread_circuit(model))
    folder = circuit.save(tmp_path / "new" / "circuit")
    assert {path.name for path in folder.iterdir()} == FILES
    assert same(Circuit.load(folder, model), circuit)
    assert [path.name for path in folder.parent.iterdir()] == ["circuit"]


def test_neurons_without_evidence_come_back_without_it(model, tmp_path):
    circuit = random_circuit(dosed(spread_circuit(model)), seed=0)
    found = Circuit.load(circuit.save(tmp_path / "circuit"), model)
    assert same(found, circuit)
    assert found.scores is None


def test_a_circuit_without_doses_is_refused(folder):
    columns = load_file(folder / "circuit.safetensors")
    del columns["doses"]
    save_file(columns, folder / "circuit.safetensors")
    rewrite(folder)
    with pytest.raises(BadCircuit, match="other tensors"):
        Circuit.load(folder)


def test_columns_may_be_one_tensor(model, tmp_path):
    zeros = torch.zeros(2)
    circuit = replace(circuit_of(model, [4, 5]), scores=zeros, positive_mean=zeros, negative_mean=zeros)
    assert same(Circuit.load(circuit.save(tmp_path / "circuit")), circuit)


def test_a_fingerprint_is_taken_of_the_circuits_own_model_only(model, tmp_path):
    folder = spread_circuit(model).save(tmp_path / "circuit", model=model)
    assert {path.name for path in folder.iterdir()} == FILES | {"fingerprint.safetensors"}
    with pytest.raises(WrongModel):
        spread_circuit(model).save(tmp_path / "other", model=tiny_llama(num_hidden_layers=4))


def test_saving_again_replaces_our_files_and_leaves_others(model, folder):
    (folder / "README.md").write_text("card")
    circuit_of(model, []).save(folder)
    assert {path.name for path in folder.iterdir()} == {"circuit.json", "circuit.safetensors", "README.md"}
    assert len(Circuit.load(folder)) == 0
    assert json.loads((folder / "circuit.json").read_text())["adapter"]["reason"] == "the circuit is empty"


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2", "phi3"])
@pytest.mark.parametrize(("strength", "doses"), STATES)
def test_transformers_loads_the_folder_as_the_steered_model(architecture, strength, doses, tmp_path):
    model = saved_model(architecture, tmp_path / "base")
    circuit = dosed(spread_circuit(model), doses)
    folder = circuit.save(tmp_path / "circuit", strength=strength)
    steered = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert torch.equal(logits(steered), hooked_logits(model, circuit, strength))
    assert not torch.equal(logits(steered), logits(model.module))


def test_a_circuit_in_experts_has_a_native_form_only_and_says_so(tmp_path):
    model = tiny_model("mixtral")
    folder = circuit_of(model, [3, 70, 200]).save(tmp_path / "circuit")
    note = json.loads((folder / "circuit.json").read_text())["adapter"]
    assert {path.name for path in folder.iterdir()} == {"circuit.json", "circuit.safetensors"}
    assert note["form"] is None
    assert "experts" in note["reason"]
    assert Circuit.load(folder, model).ids.tolist() == [3, 70, 200]


def test_an_adapter_of_the_previous_circuit_does_not_survive_one_that_has_none(tmp_path):
    folder = spread_circuit(tiny_llama()).save(tmp_path / "circuit")
    circuit_of(tiny_model("mixtral"), [3]).save(folder)
    assert not (folder / "adapter_config.json").exists()


def test_another_model_is_refused_with_both_fingerprints(model, folder):
    other = replace(model, identity=replace(model.identity, name="other", config_sha256="f" * 64))
    with pytest.raises(WrongModel, match=f"other.*{'f' * 64}(.|\n)*tiny.*{'0' * 64}"):
        Circuit.load(folder, other)
    with pytest.raises(WrongModel, match="256 neurons(.|\n)*192 neurons"):
        Circuit.load(folder, tiny_llama(num_hidden_layers=4))


def test_weights_count_where_both_digests_are_known(model, tmp_path):
    known = replace(model, identity=replace(model.identity, weights_sha256="a" * 64))
    folder = spread_circuit(known).save(tmp_path / "circuit")
    Circuit.load(folder, model)
    with pytest.raises(WrongModel, match="a" * 64):
        Circuit.load(folder, replace(model, identity=replace(model.identity, weights_sha256="b" * 64)))


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "changed"])
def test_damaged_files_are_refused(folder, name, damage):
    path = folder / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {"truncated": content[:-9], "empty": b"", "changed": bytes([content[0] ^ 1]) + content[1:]}[
                damage
            ]
        )
    with pytest.raises(BadCircuit):
        Circuit.load(folder)


@pytest.mark.parametrize("schema", [0, 1, 3, None, "2", [2]])
def test_an_unknown_schema_is_refused(folder, schema):
    rewrite(folder, schema=schema)
    with pytest.raises(BadCircuit, match="unknown schema"):
        Circuit.load(folder)


def site(**changes):
    return {"layer": 0, "path": "a", "kind": "dense", "width": 192, "experts": 1, **changes}


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"sites": 3},
        {"sites": ["x"]},
        {"sites": [{"layer": 0}]},
        {"sites": [site(width=10**30)]},
        {"sites": [site(width=2**35, path=f"m.{i}") for i in range(40)]},
        {"sites": [site(kind="experts", experts=10**18)]},
        {"sites": [site(width=-192)]},
        {"sites": [site(width=0)]},
        {"sites": [site(width=True)]},
        {"sites": [site(width=192.0)]},
        {"sites": [site(width="192")]},
        {"sites": [site(kind="other")]},
        {"sites": [site(experts=2)]},
        {"sites": [site(path=["a"])]},
        {"sites": [site(), site()]},
        {"sites": [site(extra=1)]},
        {"sites": []},
    ],
)
def test_a_hostile_layout_is_refused_before_anything_is_allocated(folder, layout):
    rewrite(folder, layout=layout)
    for read in (Circuit.load, load_fingerprint):
        with pytest.raises(BadCircuit):
            read(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"provenance": {}},
        {"layout": {"sites": [site(width=4)]}},  # the ids are outside
        {"provenance": [1]},
        *({"provenance": made} for made in PROVENANCES),
        {"neurons": 8},
        {"fraction": 0.5},
        {"by_layer": {"0": 9}},
        {"adapter": 3},
        {"provenance": {"model": 3, "prompts_sha256": "", "contrast": "", "ranking": ""}},
        {"files": []},
        {"files": {}},
        {"layout": None},
    ],
)
def test_malformed_entries_are_refused(folder, changes):
    rewrite(folder, **changes)
    with pytest.raises(BadCircuit):
        Circuit.load(folder)


@pytest.mark.parametrize(
    "text", ['{"schema": 1, "x": NaN}', "[" * 100_000, "\x00", "3", '{"schema": 1}', "{"]
)
def test_hostile_json_is_refused(folder, text):
    (folder / "circuit.json").write_text(text)
    with pytest.raises(BadCircuit):
        Circuit.load(folder)


def test_a_description_too_large_to_be_one_is_not_read(folder):
    with (folder / "circuit.json").open("r+b") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(BadCircuit, match="at most"):
        Circuit.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": torch.tensor([5, 4])},
        {"ids": torch.tensor([4, 192])},
        {"ids": torch.tensor([-1, 4])},
        {"ids": torch.tensor([4, 5], dtype=torch.int32)},
        {"ids": torch.tensor([[4, 5]])},
        {"scores": torch.tensor([1.0, float("nan")])},
        {"scores": torch.tensor([1.0])},
        {"doses": torch.tensor([1.0, float("inf")])},
        {"doses": torch.tensor([1.0])},
        {"doses": torch.tensor([1, 1])},
        {"positive_mean": torch.tensor([1.0, float("inf")])},
        {"extra": torch.tensor([1.0, 2.0])},
    ],
)
def test_tensors_that_are_no_circuit_are_refused_even_with_the_right_digest(model, tmp_path, changes):
    folder = circuit_of(model, [4, 5]).save(tmp_path / "circuit")
    save_file({**load_file(folder / "circuit.safetensors"), **changes}, folder / "circuit.safetensors")
    rewrite(folder)
    with pytest.raises(BadCircuit):
        Circuit.load(folder)


def test_bytes_that_are_no_tensors_are_refused_even_with_the_right_digest(folder):
    (folder / "circuit.safetensors").write_bytes(b"\xff" * 64)
    rewrite(folder)
    with pytest.raises(BadCircuit, match="damaged"):
        Circuit.load(folder)


def full_disk_after(calls):
    real = neuroswitch.storage.replace_atomic
    left = iter(range(calls))

    def write(path, fill):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, fill)

    return write


@pytest.mark.parametrize("calls", range(len(FILES)))
@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_leaves_the_old_circuit_or_none(model, tmp_path, monkeypatch, calls, exists):
    folder = tmp_path / "circuit"
    old = circuit_of(model, [7])
    if exists:
        old.save(folder)
    monkeypatch.setattr(neuroswitch.storage, "replace_atomic", full_disk_after(calls))
    with pytest.raises(Prerequisite, match="No space left on device"):
        spread_circuit(model).save(folder)
    assert [path.name for path in tmp_path.iterdir()] == (["circuit"] if exists else [])
    if exists:
        assert same(Circuit.load(folder), old)


@pytest.mark.parametrize("moves", range(2 * len(FILES)))
def test_a_crash_while_files_are_exchanged_leaves_nothing_that_looks_whole(model, folder, monkeypatch, moves):
    before = Circuit.load(folder)
    left = iter(range(moves))

    def crashing(real):
        def operate(self, *arguments, **named):
            if self.name in FILES and next(left, None) is None:
                raise KeyboardInterrupt
            return real(self, *arguments, **named)

        return operate

    kind = type(folder)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(kind, "unlink", crashing(kind.unlink))
        patched.setattr(kind, "replace", crashing(kind.replace))
        circuit_of(model, [7]).save(folder)
    if (folder / "circuit.json").exists():
        assert same(Circuit.load(folder), before)
    else:
        with pytest.raises(BadCircuit, match="not a circuit folder"):
            Circuit.load(folder)
    if (folder / "adapter_config.json").exists():
        assert (folder / "adapter_model.safetensors").exists()


@pytest.mark.parametrize("strength", [float("nan"), float("inf")])
def test_a_strength_must_be_finite(model, tmp_path, strength):
    with pytest.raises(BadOption, match="finite"):
        spread_circuit(model).save(tmp_path / "circuit", strength=strength)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_link_is_not_read_wherever_it_leads(folder, tmp_path, name):
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(BadCircuit, match="a link"):
        Circuit.load(folder)


@pytest.mark.parametrize("name", sorted(FILES - {"circuit.json"}))
def test_huge_files_and_pipes_are_not_read(folder, name):
    with (folder / name).open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(BadCircuit, match="at most"):
        Circuit.load(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BadCircuit, match="no regular file"):
        Circuit.load(folder)


def test_an_adapter_that_the_description_does_not_name_is_refused(model, folder):
    description = json.loads((folder / "circuit.json").read_text())
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        del description["files"][name]
    rewrite(folder, files=description["files"])
    with pytest.raises(BadCircuit, match="does not belong to this circuit"):
        Circuit.load(folder)


def test_a_description_that_was_edited_is_refused(folder):
    path = folder / "circuit.json"
    path.write_text(path.read_text().replace('"test"', '"best"'))
    with pytest.raises(BadCircuit, match="changed after it was written"):
        Circuit.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        lambda one: {name: values[:1].clone() for name, values in one.items()},  # of other neurons
        lambda one: {**one, "written": one["written"] * torch.nan},
        lambda one: {**one, "written": one["written"][:, :3].clone()},
        lambda one: {"ids": one["ids"]},
    ],
)
def test_a_fingerprint_that_is_not_the_circuits_is_refused(model, tmp_path, changes):
    folder = spread_circuit(model).save(tmp_path / "circuit", model=model)
    path = folder / "fingerprint.safetensors"
    save_file(changes(load_file(path)), path, metadata={"texture": '["float32", false]'})
    rewrite(folder)
    Circuit.load(folder)
    with pytest.raises(BadCircuit):
        load_fingerprint(folder)
