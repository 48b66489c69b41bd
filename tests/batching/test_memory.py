"""Running out of memory costs time, never a number: batches are halved, and what is too much for one is an error."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from neuroswitch.batching import batches as batching
from neuroswitch.batching.batches import fitting_batch, in_halves
from neuroswitch.discovery import collection as collecting
from neuroswitch.discovery import contribution as attributing
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from sets import tiny_contrast
from tiny import tiny_model


def test_work_is_halved_until_it_fits_and_stays_in_order() -> None:
    tried = []

    def work(items: Sequence[int]) -> list[int]:
        tried.append(len(items))
        if len(items) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return [-item for item in items]

    parts = in_halves(work, list(range(11)))

    assert [item for part in parts for item in part] == [-item for item in range(11)]
    assert max(map(len, parts)) <= 3
    assert tried[0] == 11


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("could not create a primitive"),
        torch.OutOfMemoryError("memory"),
    ],
)
def test_one_item_that_is_too_much_is_an_error(error: Exception) -> None:
    def work(items: Sequence[int]) -> None:
        raise error

    with pytest.raises(type(error)):
        in_halves(work, [1, 2, 3])


def test_other_errors_are_not_tried_again() -> None:
    tried = []

    def work(items: Sequence[int]) -> None:
        tried.append(items)
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_halves(work, [1, 2])
    assert len(tried) == 1


def test_discovery_gives_the_same_numbers_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model, contrast = tiny_model("qwen3_moe"), tiny_contrast()
    reading = Reading(batch_size=8)
    plenty = collect(model, contrast, reading)
    sizes: dict[str, list[int]] = {"read_last_token": [], "_contributions": []}

    def scarce(module: Any, name: str) -> None:
        real = getattr(module, name)

        def limited(model: Any, batch: Sequence[Any], *rest: Any, **named: Any) -> Any:
            sizes[name].append(len(batch))
            if len(batch) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real(model, batch, *rest, **named)

        monkeypatch.setattr(module, name, limited)

    scarce(collecting, "read_last_token")
    scarce(attributing, "_contributions")
    little = collect(model, contrast, reading)

    for name, tried in sizes.items():
        assert max(tried) > 3 >= min(tried), name
    torch.testing.assert_close(
        little.positive.neurons.mean, plenty.positive.neurons.mean, rtol=1e-5, atol=1e-5
    )
    assert little.positive.neurons.count == plenty.positive.neurons.count == 12
    assert torch.equal(little.universal, plenty.universal)
    scores = [rank(one, "readout", model).value for one in (little, plenty)]
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-5)


def test_the_automatic_batch_shrinks_with_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    found = []
    for free in (10**12, 10**7, 10**6, 0):
        monkeypatch.setattr(batching, "_free_memory", lambda device, free=free: free)
        found.append(fitting_batch(model, 100))
    assert found == sorted(found, reverse=True)
    assert found[0] == batching.LARGEST_ELSEWHERE and found[-1] == 1 and len(set(found)) > 2
    assert fitting_batch(model, 10) >= fitting_batch(model, 1000)


def test_it_does_not_matter_to_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    model, contrast = tiny_model("llama"), tiny_contrast()
    plain = Reading(needs=frozenset())
    automatic = collect(model, contrast, plain)
    monkeypatch.setattr(batching, "_free_memory", lambda device: 0)
    alone = collect(model, contrast, plain)
    chosen = collect(model, contrast, replace(plain, batch_size=5))
    for one in (alone, chosen):
        torch.testing.assert_close(one.delta, automatic.delta, rtol=1e-4, atol=1e-6)
