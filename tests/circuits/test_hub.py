"""Sharing circuits: a card that claims what is known, folders that travel whole, and a Hub that is away."""

import errno
import json
import os
import shutil
from dataclasses import replace

import pytest
import summaries
import torch
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError
from steered import circuit_of, dosed, hooked_logits, logits, spread_circuit

from neuroswitch.circuits import hub
from neuroswitch.circuits.card import CardFacts
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.verify import verify
from neuroswitch.errors import BadCircuit, BadOption, BadRun, Prerequisite
from neuroswitch.storage import write_json
from tiny import tiny_llama, tiny_model


def summary_of(circuit):
    """Return the summary of an experiment on a circuit."""
    summary, _ = summaries.run()
    model = summary.models["model"]
    facts = model.methods["cna"].circuit.model_copy(
        update={"provenance": json.loads(json.dumps(circuit.provenance.to_json()))}
    )
    methods = {"cna": model.methods["cna"].model_copy(update={"circuit": facts})}
    cells = [with_behaviour(one) for one in summary.cells]
    return summary.model_copy(
        update={
            "models": {"model": model.model_copy(update={"methods": methods})},
            "cells": tuple(cells),
            "settings": {
                "prompts": {"test_prompts": "/home/someone/asking.csv"},
                "decoding": {"max_new_tokens": 64},
            },
            "detector": "a classifier",
        }
    )


RATES = {"untouched": (0.9, 0.83, 0.95), "cna": (0.1, 0.05, 0.17), "random": (None, None, None)}


def with_behaviour(cell):
    """Return a row with another rate."""
    value, low, high = RATES[cell.method]
    rate = replace(cell.measures["behaviour"], value=value, low=low, high=high, n=100)
    return cell.model_copy(update={"measures": {"behaviour": rate}})


@pytest.fixture
def folder(tmp_path):
    model = tiny_llama()
    identity = replace(model.identity, name="me/tiny")
    return spread_circuit(replace(model, identity=identity)).save(tmp_path / "greeting")


def test_a_circuit_travels_through_a_folder_unchanged(folder, tmp_path):
    (folder / "notes.txt").write_text("mine")
    there = hub.push(folder, tmp_path / "shelf" / "greeting")
    back = hub.pull(there, tmp_path / "back")
    assert torch.equal(Circuit.load(back).ids, Circuit.load(folder).ids)
    kept = {path.name for path in folder.iterdir()} - {"notes.txt"}
    assert {path.name for path in back.iterdir()} == kept | {"README.md"}


def test_the_card_says_what_is_known_and_nothing_else(folder, tmp_path):
    hub.push(folder, tmp_path / "a")
    text = (tmp_path / "a" / "README.md").read_text()
    assert "Nothing was measured" in text
    assert "9 neurons" in text
    assert "Doses: 1\n" in text
    data = ModelCard(text).data
    assert (data.library_name, data.base_model, data.base_model_relation) == ("peft", "me/tiny", "adapter")
    assert {"neuroswitch", "ia3"} <= set(data.tags)
    summary = summary_of(Circuit.load(folder))
    hub.push(folder, tmp_path / "b", facts=CardFacts(license="mit", summary=summary))
    text = (tmp_path / "b" / "README.md").read_text()
    assert "| untouched | 90.0% | 83.0% to 95.0% | 100 |" in text
    assert "| circuit scaled, strength 1 | 10.0% | 5.0% to 17.0% | 100 |" in text
    assert "| random circuits, all seeds together, strength 1 | not judged |" in text
    assert "judged by: a classifier" in text
    assert "held-out prompts: asking.csv" in text
    assert "someone" not in text
    assert ModelCard(text).data.license == "mit"


def test_a_circuit_without_adapter_is_not_offered_as_one(tmp_path):
    folder = circuit_of(tiny_model("mixtral"), [3]).save(tmp_path / "experts")
    hub.push(folder, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert ModelCard(text).data.library_name == "neuroswitch"
    assert "from_pretrained" not in text


def test_a_path_on_this_machine_is_not_published(tmp_path):
    model = tiny_llama()
    circuit = spread_circuit(model)
    circuit.provenance.model["name"] = str(tmp_path / "secret" / "base")
    folder = circuit.save(tmp_path / "circuit")
    hub.push(folder, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert str(tmp_path) not in text
    assert ModelCard(text).data.base_model is None


def test_what_is_pulled_is_checked(folder, tmp_path):
    shelf = tmp_path / "shelf"
    shutil.copytree(folder, shelf)
    (shelf / "circuit.safetensors").write_bytes(b"other")
    with pytest.raises(BadCircuit):
        hub.pull(shelf, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    with pytest.raises(BadCircuit, match="not a circuit folder"):
        hub.pull(tmp_path / "nowhere")


def test_the_hub_gets_our_files_only(folder, monkeypatch):
    sent = {}

    def keep(self, **named):
        sent.update(named, card=(named["folder_path"] / "README.md").read_text())

    monkeypatch.setattr(HfApi, "create_repo", lambda self, name, **named: f"https://hub/{name}")
    monkeypatch.setattr(HfApi, "upload_folder", keep)
    assert hub.push(folder, "me/greeting") == "https://hub/me/greeting"
    assert sent["repo_id"] == "me/greeting"
    assert set(sent["allow_patterns"]) == set(hub.COPIED)
    assert 'from_pretrained("me/greeting")' in sent["card"]
    assert not (folder / "README.md").exists(), "the circuit that is pushed stays as it is"


@pytest.mark.parametrize("error", [OSError(errno.ENETUNREACH, "Network is unreachable"), "http"])
def test_a_hub_that_is_away_names_the_folder_route(folder, tmp_path, monkeypatch, error):
    if error == "http":
        from unittest.mock import Mock

        error = HfHubHTTPError("503 Server Error", response=Mock())

    def away(*arguments, **named):
        raise error

    monkeypatch.setattr(HfApi, "create_repo", away)
    monkeypatch.setattr(hub, "snapshot_download", away)
    with pytest.raises(Prerequisite, match=r"'me/greeting' cannot be reached(.|\n)*a folder"):
        hub.push(folder, "me/greeting")
    with pytest.raises(Prerequisite, match=r"'me/greeting' cannot be reached(.|\n)*a folder"):
        hub.pull("me/greeting")


def test_the_facts_of_a_card_are_those_of_the_experiment_with_the_circuit(folder, tmp_path):
    circuit = Circuit.load(folder)
    assert hub.find_facts(folder).summary is None
    write_json(tmp_path / "summary.json", summary_of(circuit).model_dump(mode="json"))
    assert hub.find_facts(folder).summary == summary_of(circuit)
    circuit.provenance.arguments["size"] = 5
    other = circuit.save(tmp_path / "other")
    assert hub.find_facts(other).summary is None
    with pytest.raises(BadRun, match="no experiment with this circuit"):
        hub.find_facts(other, tmp_path / "summary.json")


def test_a_summary_that_is_none_is_refused(folder, tmp_path):
    (tmp_path / "summary.json").write_text("{")
    for name in ("summary.json", "missing.json"):
        with pytest.raises(BadRun, match=name):
            hub.find_facts(folder, tmp_path / name)


def test_a_circuit_is_pushed_and_pulled_as_a_value(tmp_path):
    circuit = dosed(spread_circuit(tiny_llama()))
    where = circuit.push(tmp_path / "shelf")
    assert "Doses: -1 to 2.5\n" in (tmp_path / "shelf" / "README.md").read_text()
    assert torch.equal(Circuit.pull(where).doses, circuit.doses)


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "sparse"])
def test_a_card_that_is_no_file_is_not_copied(folder, tmp_path, kind):
    card = folder / "README.md"
    (tmp_path / "secret").write_text("secret")
    if kind == "pipe":
        os.mkfifo(card)
    elif kind == "sparse":
        with card.open("wb") as file:
            file.truncate(2**40)
    else:
        card.symlink_to(tmp_path / ("secret" if kind == "link" else "nowhere"))
    with pytest.raises(BadCircuit, match=r"README\.md is not copied"):
        hub.pull(folder, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    hub.push(folder, tmp_path / "shelf")  # the card is written anew, where the link was
    assert (tmp_path / "secret").read_text() == "secret"
    assert "9 neurons" in (tmp_path / "shelf" / "README.md").read_text()


def test_what_is_checked_is_what_was_copied(folder, tmp_path, monkeypatch):
    real = hub.read_circuit

    def checked(path):
        found = real(path)
        (folder / "circuit.safetensors").write_bytes(b"exchanged")
        return found

    monkeypatch.setattr(hub, "read_circuit", checked)
    with pytest.raises(BadCircuit, match="was changed"):
        hub.pull(folder, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def identified(name, source, location=None):
    model = tiny_llama()
    return replace(model, identity=replace(model.identity, name=name, source=source, location=location))


@pytest.mark.parametrize(
    ("name", "source", "location", "public"),
    [
        ("Qwen/Qwen3-0.6B", "Hub", None, "Qwen/Qwen3-0.6B"),
        ("Qwen/Demo", "GGUF Q4_K_M from the package index, sha256 0", "/home/me/cache/demo", "Qwen/Demo"),
        ("/home/me/hub/models--Qwen--Q3/snapshots/0123456789", "folder", None, "Qwen/Q3"),
        ("/home/me/models/base", "folder", None, None),
        ("models/base", "folder", None, None),
        ("base.gguf", "GGUF file base.gguf", "/home/me/cache/x", None),
        ("my model", "wrapped", None, None),
    ],
)
def test_a_pushed_circuit_names_its_model_as_others_find_it(tmp_path, name, source, location, public):
    circuit = spread_circuit(identified(name, source, location))
    made = replace(
        circuit.provenance, command="/opt/bin/neuroswitch run --model /home/me/models/base -o=~/runs"
    )
    made.arguments["transferred_from"] = {"name": "/home/me/other"}
    folder = replace(circuit, provenance=made).save(tmp_path / "circuit")
    hub.push(folder, tmp_path / "out")
    sent = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert not [file for file, content in sent.items() if b"/home" in content or b"/opt" in content]
    base = json.loads(sent["adapter_config.json"])["base_model_name_or_path"]
    if public is None:
        assert base.startswith("not public: "), "no library can take this for the name of a model"
    else:
        assert base == public
    pulled = Circuit.load(hub.pull(tmp_path / "out", tmp_path / "back"))
    assert (public or "has no public name") in hub.base_note(pulled)
    assert ModelCard(sent["README.md"].decode()).data.base_model == public


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_what_is_pulled_without_a_public_base_loads_on_a_model_that_is_given(tmp_path):
    from peft import PeftModel

    model = tiny_llama()
    circuit = spread_circuit(model)
    folder = hub.push(circuit.save(tmp_path / "c", model=model), tmp_path / "out")
    expected = hooked_logits(model, circuit, 1.0)
    assert Circuit.load(folder, model).ids.equal(circuit.ids)
    assert verify(folder, model).intact
    steered = PeftModel.from_pretrained(tiny_llama().module, folder)
    assert torch.equal(logits(steered.eval()), expected)


def test_pull_does_not_replace_another_circuit(folder, tmp_path, monkeypatch):
    other = spread_circuit(tiny_llama(), 4)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    mine = other.save("greeting")
    with pytest.raises(Prerequisite, match="greeting exists already"):
        hub.pull_here(folder)
    assert Circuit.load(mine).ids.equal(other.ids)
    shutil.rmtree(mine)
    assert hub.pull_here(f"{folder}/") == hub.pull_here(folder), "the same circuit again is no other one"
    assert hub.pull_here(folder).name == "greeting"


def test_a_circuit_is_not_pushed_onto_itself(folder):
    with pytest.raises(BadOption, match="its own folder"):
        hub.push(folder, folder)


def test_a_home_folder_is_meant_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    circuit = spread_circuit(tiny_llama())
    circuit.save("~/mine")
    assert Circuit.load("~/mine").ids.equal(Circuit.load(tmp_path / "mine").ids)
    hub.push("~/mine", "~/shelf")
    assert (tmp_path / "shelf" / "circuit.json").is_file()
    assert hub.pull("~/shelf", "~/back") == tmp_path / "back"
