"""The Inspect provider against the hook."""

from importlib.metadata import entry_points

import pytest
import torch
from steered import hooked_logits, logits, spread_circuit, steered_folders

from neuroswitch.errors import BadOption, WrongModel
from neuroswitch.models import load_model
from tiny_demo import NEURONS, demo_folder, save_refusing_model

pytest.importorskip("inspect_ai")
pytestmark = pytest.mark.filterwarnings("default")  # not ours to mend


def build(folder, **arguments):
    from inspect_ai.model import get_model  # it finds the provider by its entry point

    return get_model(
        "neuroswitch/tiny", model_path=str(folder / "base"), device="cpu", memoize=False, **arguments
    )


def test_the_provider_steers_inspects_own_model(tmp_path):
    model, circuit, folder = steered_folders(tmp_path)
    for multiplier in (0.0, 2.0):
        provider = build(tmp_path, circuit=str(folder), multiplier=multiplier)
        assert torch.equal(logits(provider.api.model), hooked_logits(model, circuit, 1 - multiplier))
    assert torch.equal(logits(build(tmp_path).api.model), logits(model.module))


def test_it_generates(tmp_path):
    import asyncio

    from inspect_ai.model import GenerateConfig

    _, _, folder = steered_folders(tmp_path)
    provider = build(tmp_path, circuit=str(folder), do_sample=False)
    answer = asyncio.run(provider.generate("tell me a story", config=GenerateConfig(max_tokens=4)))
    assert answer.usage.output_tokens == 4


def test_a_circuit_of_another_model_is_refused(tmp_path):
    _, _, folder = steered_folders(tmp_path)
    steered_folders(tmp_path / "other", num_hidden_layers=4)
    with pytest.raises(WrongModel):
        build(tmp_path / "other", circuit=str(folder))


def test_inspect_finds_the_provider_by_its_entry_point():
    names = {entry.name: entry.value for entry in entry_points(group="inspect_ai")}
    assert names["neuroswitch"] == "neuroswitch.integrations.inspect_ai"


def test_the_demo_model_is_found_by_its_name(tmp_path, monkeypatch):
    from inspect_ai.model import get_model

    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tmp_path))
    folder = demo_folder(tmp_path)
    folder.parent.mkdir(parents=True)
    save_refusing_model(folder)
    circuit = spread_circuit(load_model("demo")).save(tmp_path / "circuit")
    provider = get_model("neuroswitch/demo", device="cpu", memoize=False, circuit=str(circuit))
    assert provider.api.model.config.intermediate_size == NEURONS


def test_a_multiplier_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(BadOption, match="finite"):
        build(tmp_path, multiplier="nan")
