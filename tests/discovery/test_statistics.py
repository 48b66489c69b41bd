"""Streaming moments equal the plain formulas, whatever the batches and their order."""

import pytest
import torch

from neuroswitch.discovery.statistics import Moments
from neuroswitch.errors import BadPrompts


@pytest.mark.parametrize("cuts", [[40], [1, 39], [7, 13, 20], [1] * 40])
def test_batches_and_order_change_nothing(cuts: list[int]) -> None:
    values = torch.randn(40, 9, generator=torch.Generator().manual_seed(0)) * 5 + 100
    batches = [Moments.of(part) for part in values.split(cuts)]
    forward, backward = batches[0], batches[-1]
    for one in batches[1:]:
        forward = forward.merge(one)
    for one in reversed(batches[:-1]):
        backward = backward.merge(one)
    for moments in (forward, backward):
        assert moments.count == 40
        torch.testing.assert_close(moments.mean, values.double().mean(0), rtol=1e-12, atol=0)
        torch.testing.assert_close(moments.variance(), values.double().var(0), rtol=1e-9, atol=0)


def test_half_precision_values_are_summed_in_double() -> None:
    values = torch.full((4096, 1), 1 / 3, dtype=torch.bfloat16)
    assert Moments.of(values).mean.dtype == torch.float64
    assert float(Moments.of(values).mean) == float(values[0])


def test_one_prompt_has_no_spread() -> None:
    with pytest.raises(BadPrompts, match="at least two prompts"):
        Moments.of(torch.ones(1, 3)).variance()
