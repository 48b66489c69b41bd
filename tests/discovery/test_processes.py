"""Processes that split the prompts end with the numbers of one process, and one of them writes."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from shared_worker import measured, planted
from torch import distributed

from command_line import call
from launch import torchrun
from neuroswitch.batching.batches import plan_batches
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.discovery.shared import all_answers
from neuroswitch.errors import Prerequisite
from neuroswitch.experiment import ExperimentSettings, run_experiment
from neuroswitch.models.team import ALONE, Team
from sets import write_contrast
from tiny import tiny_module, tiny_tokenizer

WORKER = Path(__file__).parent / "shared_worker.py"


@pytest.mark.slow
def test_two_ranks_discover_what_one_process_does(tmp_path: Path) -> None:
    torchrun(WORKER, tmp_path)
    first, second = (load_file(tmp_path / f"{rank}.safetensors") for rank in range(2))
    one = measured()
    assert first.keys() == second.keys() == one.keys()
    for name, value in one.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, rtol=1e-12, atol=1e-12, msg=name)
    assert torch.equal(first["delta"], planted()[2])


@pytest.mark.slow
def test_a_command_under_torchrun_prints_and_writes_once(tmp_path: Path) -> None:
    tiny_module("llama").save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    typed = ["--model", tmp_path / "model", "--behaviour", write_contrast(tmp_path / "set.jsonl")]
    typed += ["--detector", "contains:.", "--device", "cpu", "--size", "9"]

    printed = torchrun("-m", "neuroswitch", "discover", *typed, "--output", tmp_path / "two")
    call("discover", *typed, "--output", tmp_path / "one")

    assert printed.count("Circuit:") == 1
    two, one = Circuit.load(tmp_path / "two"), Circuit.load(tmp_path / "one")
    assert torch.equal(two.ids, one.ids)
    torch.testing.assert_close(two.positive_mean, one.positive_mean)


def test_every_item_is_in_one_batch_of_one_process() -> None:
    sizes = {0: 4, 1: 3}  # what each has memory for
    for count in (0, 1, 2, 5, 12, 13):
        batches = [plan_batches([1] * count, sizes[rank], team=_Pretending(rank, sizes)) for rank in sizes]
        items = sorted(i for own in batches for batch in own for i in batch)
        assert items == list(range(count))
        assert all(len(batch) <= 3 for own in batches for batch in own)
        assert count < 2 or all(batches)


def test_one_process_is_left_as_it_was() -> None:
    assert plan_batches([1] * 7, 3, team=ALONE) == [[0, 1, 2], [3, 4, 5], [6]]
    answers = {4: [1, 2], 0: [], 2: [7]}
    assert all_answers(answers, ALONE) == answers
    assert not distributed.is_initialized()


def test_an_experiment_is_refused_under_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(Prerequisite, match="runs in one process"):
        run_experiment(ExperimentSettings(models=("demo",)), tmp_path)


class _Pretending(Team):
    """A team that knows what the other process would say about its memory."""

    def __init__(self, rank: int, sizes: dict[int, int]) -> None:
        super().__init__(rank, len(sizes))
        object.__setattr__(self, "sizes", sizes)

    def gather(self, values: torch.Tensor) -> list[torch.Tensor]:
        return [torch.tensor([size]) for size in self.sizes.values()]
