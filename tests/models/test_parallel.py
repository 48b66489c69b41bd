"""Tensor parallel: two processes that hold half of a model each give what one process with all of it gives."""

from pathlib import Path

import pytest
import torch
from parallel_worker import measure
from safetensors.torch import load_file
from transformers import PreTrainedModel

from launch import torchrun
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.models.placement import require_split
from tiny import tiny_module, tiny_tokenizer

WORKER = Path(__file__).parent / "parallel_worker.py"
MODELS = ("llama", "qwen3_moe")


def saved(module: PreTrainedModel, folder: Path) -> Path:
    module.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Measure all models in one launch, because starting processes takes most of the time."""
    places = {name: tmp_path_factory.mktemp(name) for name in MODELS}
    for name, place in places.items():
        saved(tiny_module(name), place / "model")
    torchrun(WORKER, "tp", "both", *(path for place in places.values() for path in (place / "model", place)))
    return places


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_two_ranks_give_what_one_process_gives(name: str, measured: dict[str, Path]) -> None:
    one = measure(load_model(measured[name] / "model", options=LoadOptions(device="cpu", units="both")))
    ranks = [load_file(measured[name] / f"{rank}.safetensors") for rank in range(2)]
    assert float((one["logits x 0"] - one["logits"]).abs().max()) > 0.1
    for key, value in one.items():
        for rank in ranks:
            torch.testing.assert_close(rank[key], value, rtol=1e-5, atol=1e-5, msg=f"{name} {key}")
    assert all(torch.equal(rank["logits"], rank["logits after"]) for rank in ranks)


def test_one_process_cannot_be_tensor_parallel(tmp_path: Path) -> None:
    saved(tiny_module("llama"), tmp_path)
    with pytest.raises(Prerequisite, match="torchrun --nproc-per-node 2 -m neuroswitch"):
        load_model(tmp_path, options=LoadOptions(device="tp"))


def test_a_model_that_was_left_whole_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="no tensor parallel plan for gpt2"):
        require_split(tiny_module("gpt2"), "gpt2")
