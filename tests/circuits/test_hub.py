"""Sharing circuits: a card that claims what is known, folders that travel whole, and a Hub that is away."""

import errno
import shutil

import pytest
import torch
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError
from steered import circuit_of, spread_circuit

from neuroswitch.circuits import hub
from neuroswitch.circuits.card import CardFacts
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.errors import BadCircuit, Prerequisite
from tiny import tiny_llama, tiny_model


def rate(value, low, high, n):
    return {"value": value, "low": low, "high": high, "n": n}


SUMMARY = {
    "detector": "a classifier",
    "settings": {"prompts": {"test_prompts": "/home/someone/asking.csv"}, "decoding": {"max_new_tokens": 8}},
    "provenance": {"date": "2026-11-25T10:00:00"},
    "cells": [
        {"method": "untouched", "strength": 0.0, "measures": {"behaviour": rate(0.9, 0.83, 0.95, 100)}},
        {
            "method": "cna",
            "strength": 1.0,
            "measures": {"behaviour": rate(0.1, 0.05, 0.17, 100)},
            "tests": {"behaviour": {"p": 0.0012}},
        },
        {"method": "random", "strength": 1.0, "measures": {"behaviour": rate(None, None, None, 0)}},
    ],
}


@pytest.fixture
def folder(tmp_path):
    return spread_circuit(tiny_llama()).save(tmp_path / "greeting")


def test_a_circuit_travels_through_a_folder_unchanged(folder, tmp_path):
    (folder / "notes.txt").write_text("mine")
    there = hub.push(folder, tmp_path / "shelf" / "greeting")
    back = hub.pull(there, tmp_path / "back")
    assert torch.equal(Circuit.load(back).ids, Circuit.load(folder).ids)
    assert {path.name for path in back.iterdir()} == {path.name for path in folder.iterdir()} - {"notes.txt"}


def test_the_card_says_what_is_known_and_nothing_else(folder, tmp_path):
    hub.push(folder, tmp_path / "a")
    text = (tmp_path / "a" / "README.md").read_text()
    assert "Nothing was measured" in text
    assert "9 neurons" in text
    data = ModelCard(text).data
    assert (data.library_name, data.base_model, data.base_model_relation) == ("peft", "tiny", "adapter")
    assert {"neuroswitch", "ia3"} <= set(data.tags)
    hub.push(folder, tmp_path / "b", facts=CardFacts(license="mit", summary=SUMMARY))
    text = (tmp_path / "b" / "README.md").read_text()
    assert "| unsteered | 90.0% | 83.0% to 95.0% | 100 |" in text
    assert "| random circuits, pooled over seeds | not judged |" in text
    assert "judged by: a classifier" in text
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
    monkeypatch.setattr(HfApi, "create_repo", lambda self, name, **named: f"https://hub/{name}")
    monkeypatch.setattr(HfApi, "upload_folder", lambda self, **named: sent.update(named))
    assert hub.push(folder, "me/greeting") == "https://hub/me/greeting"
    assert sent["repo_id"] == "me/greeting"
    assert set(sent["allow_patterns"]) == set(hub.TRAVELLING)
    assert 'from_pretrained("me/greeting")' in (folder / "README.md").read_text()


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


def test_a_summary_that_is_none_is_refused(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    for name in ("summary.json", "missing.json"):
        with pytest.raises(Prerequisite, match=name):
            hub.read_summary(tmp_path / name)
