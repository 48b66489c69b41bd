"""A neuron is universal if it is in the top 0.1 % for at least 80 % of the prompts."""

import pytest
import torch

from neuroswitch.discovery.universal import universal_neurons
from neuroswitch.errors import BadPrompts


def test_the_share_of_prompts_decides() -> None:
    values = torch.zeros(10, 2000)  # the top 0.1 % are two neurons
    values[:, 7] = 5.0  # always
    values[:8, 11] = -4.0  # for 80 %, by magnitude
    values[8:, 13] = 3.0  # for the other 20 %
    flags = universal_neurons([values[:3], values[3:]])
    assert flags.nonzero()[:, 0].tolist() == [7, 11]


def test_below_the_share_is_not_universal() -> None:
    values = torch.zeros(10, 2000)
    values[:, 7] = 5.0
    values[:7, 11] = 4.0
    values[7:, 13] = 4.0
    assert universal_neurons([values]).nonzero()[:, 0].tolist() == [7]


def test_no_prompts_is_an_error() -> None:
    with pytest.raises(BadPrompts, match="diverse prompts"):
        universal_neurons([])
