"""The control: as many random neurons of the same sites, scaled alike."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from neuroswitch.activations import scaled_neurons
from neuroswitch.circuits import Circuit, check_model
from neuroswitch.models import LanguageModel


@dataclass(frozen=True)
class RandomControl:
    """Multiply random neurons, matched to a circuit site by site and sharing none with it.

    Attributes:
        circuit: What is matched.
        multiplier: As for the circuit.
        seed: Seed of the draw.
    """

    circuit: Circuit
    multiplier: float
    seed: int

    @property
    def name(self) -> str:
        """Seed, size and multiplier."""
        return f"random {self.seed}, {len(self.circuit)} neurons x {self.multiplier:g}"

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the random neurons are scaled.

        Raises:
            WrongModel: The circuit was made for another model.
        """
        check_model(self.circuit, model)
        ids = random_neurons(self.circuit, seed=self.seed)
        return scaled_neurons(model, ids, torch.full((len(ids),), self.multiplier))


def random_neurons(circuit: Circuit, *, seed: int) -> Int64[Tensor, " neurons"]:
    """Draw as many neurons of each site as a circuit has there, none of its own; flat ids, ascending."""
    generator = torch.Generator().manual_seed(seed)
    draws = [_draw(circuit, site, generator) for site in range(len(circuit.layout.sites))]
    return torch.cat(draws).sort().values


def random_circuit(circuit: Circuit, *, seed: int) -> Circuit:
    """Return the neurons of `random_neurons` as a circuit, for engines that take nothing else.

    Nothing was measured of them: scores and means are 0.
    """
    nothing = torch.zeros(len(circuit))
    ids = random_neurons(circuit, seed=seed)
    return Circuit(circuit.layout, ids, nothing, nothing, nothing, circuit.provenance)


def _draw(circuit: Circuit, site: int, generator: torch.Generator) -> Int64[Tensor, " drawn"]:
    """Draw within one site, from the neurons that the circuit leaves free."""
    span = circuit.layout.span(site)
    taken = circuit.ids[(circuit.ids >= span.start) & (circuit.ids < span.stop)]
    free = torch.ones(span.stop - span.start, dtype=torch.bool)
    free[taken - span.start] = False
    candidates = free.nonzero()[:, 0]
    chosen = torch.randperm(len(candidates), generator=generator)[: len(taken)]
    return candidates[chosen] + span.start
