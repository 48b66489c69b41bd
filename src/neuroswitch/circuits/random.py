"""Random circuits: the control for what a circuit does."""

from dataclasses import replace

import torch
from jaxtyping import Int64
from torch import Tensor

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.records import RANDOM


def random_circuit(circuit: Circuit, *, seed: int) -> Circuit:
    """Draw a circuit of random neurons: as many of each site as a circuit has there, none of its own.

    Each site gets the doses of the circuit's neurons there, in their order; the drawn neurons are random, so
    shuffling the doses would add nothing. A site of which the circuit has more than half gives all that are
    left. There is no evidence for random neurons.

    Args:
        circuit: The circuit to match.
        seed: Of the draw.

    Examples:
        >>> control = ns.random_circuit(circuit, seed=0)
        >>> control.by_layer() == circuit.by_layer()
        True
    """
    generator = torch.Generator().manual_seed(seed)
    draws, doses = [], []
    for site in range(len(circuit.layout.sites)):
        span = circuit.layout.span(site)
        inside = (circuit.ids >= span.start) & (circuit.ids < span.stop)
        draws.append(_draw(circuit.ids[inside], span, generator).sort().values)
        doses.append(circuit.doses[inside][: len(draws[-1])])
    arguments = {**circuit.provenance.arguments, "matched_to": circuit.provenance.ranking, "seed": seed}
    return Circuit(
        layout=circuit.layout,
        ids=torch.cat(draws),
        doses=torch.cat(doses),
        provenance=replace(circuit.provenance, ranking=RANDOM, arguments=arguments),
    )


def _draw(taken: Int64[Tensor, " taken"], span: slice, generator: torch.Generator) -> Int64[Tensor, " drawn"]:
    """Draw within one site, from the neurons that the circuit does not have."""
    free = torch.ones(span.stop - span.start, dtype=torch.bool)
    free[taken - span.start] = False
    candidates = free.nonzero()[:, 0]
    chosen = torch.randperm(len(candidates), generator=generator)[: len(taken)]
    return candidates[chosen] + span.start
