"""One streaming pass gives what reading one prompt at a time gives."""

from dataclasses import replace

import pytest
import torch

from naive import naive_circuit, naive_neurons
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.selection import select
from neuroswitch.errors import BadOption, WeakBehaviour
from neuroswitch.prompts import Piles
from sets import tiny_contrast
from tiny import tiny_model

PLAIN = Reading(needs=frozenset(), batch_size=5)


@pytest.mark.parametrize("name", ["llama", "gpt2", "phi3", "opt"])
def test_statistics_equal_those_of_single_prompts(name: str) -> None:
    model, contrast = tiny_model(name), tiny_contrast()
    statistics = collect(model, contrast, PLAIN)
    for found, pile in zip((statistics.positive, statistics.negative), contrast.discovery, strict=True):
        rows = torch.stack([naive_neurons(model, prompt) for prompt in pile]).double()
        torch.testing.assert_close(found.neurons.mean, rows.mean(0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.neurons.variance(), rows.var(0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_batch_size_and_order_change_nothing(batch_size: int) -> None:
    model, contrast = tiny_model("llama"), tiny_contrast()
    shuffled = replace(contrast, discovery=Piles(*(pile[::-1] for pile in contrast.discovery)))
    one = collect(model, contrast, PLAIN)
    other = collect(model, shuffled, replace(PLAIN, batch_size=batch_size))
    torch.testing.assert_close(one.delta, other.delta, rtol=1e-4, atol=1e-6)


def test_the_circuit_is_that_of_the_paper_read_literally() -> None:
    model, contrast = tiny_model("llama"), tiny_contrast()
    statistics = collect(model, contrast, PLAIN)
    statistics = replace(statistics, universal=torch.zeros(model.layout.size, dtype=torch.bool))
    circuit = select(rank(statistics, "delta", model), 9)
    assert circuit.ids.tolist() == naive_circuit(model, *map(list, contrast.discovery), 9)


def test_the_lm_head_does_not_run_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    monkeypatch.setattr(model.module.lm_head, "forward", None)
    collect(model, tiny_contrast(), PLAIN)
    with pytest.raises(TypeError):
        collect(model, tiny_contrast(), replace(PLAIN, needs=frozenset({"next_token"})))


def test_a_behaviour_that_never_shows_is_an_error() -> None:
    with pytest.raises(WeakBehaviour, match="never shows"):
        collect(
            tiny_model("llama"), tiny_contrast(), ranking="readout", detector=lambda response, prompt: False
        )


def test_what_is_collected_is_what_the_ranking_needs() -> None:
    model, contrast = tiny_model("llama"), tiny_contrast()
    held = {
        name: (found.contribution is not None, found.positive.next_token is not None)
        for name in ("readout", "delta", "next_token")
        for found in [collect(model, contrast, ranking=name)]
    }
    assert held == {"readout": (True, False), "delta": (False, False), "next_token": (False, True)}
    assert collect(model, contrast).positive.layers is not None
    with pytest.raises(BadOption, match="already what is collected"):
        collect(model, contrast, PLAIN, ranking="delta")
    with pytest.raises(BadOption, match="no ranking called 'best'"):
        collect(model, contrast, ranking="best")


def test_the_tokens_that_were_read_are_recorded() -> None:
    statistics = collect(tiny_model("llama"), tiny_contrast(), PLAIN)
    assert statistics.found.read == {"<|assistant|>": 24}
