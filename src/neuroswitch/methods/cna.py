"""Contrastive neuron attribution: scale the neurons of a circuit at every token position.

Source: Herring, Naviasky & Malhotra (arXiv:2605.12290), step 6.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.files import check_model
from neuroswitch.models.language_model import LanguageModel
from neuroswitch.models.scaling import scaled_neurons


@dataclass(frozen=True)
class Scaling:
    """Multiply the neurons of a circuit.

    Attributes:
        circuit: Which neurons.
        multiplier: 0 ablates, 1 is the identity, above 1 amplifies; steering strength is 1 - multiplier.
    """

    circuit: Circuit
    multiplier: float

    @property
    def name(self) -> str:
        """Method, size and multiplier."""
        return f"cna {self.circuit.provenance.ranking}, {len(self.circuit)} neurons x {self.multiplier:g}"

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which the neurons are scaled.

        Raises:
            WrongModel: The circuit was made for another model.
        """
        check_model(self.circuit, model)
        return scaled_neurons(model, self.circuit.ids, torch.full((len(self.circuit),), self.multiplier))


def scaled(model: LanguageModel, circuit: Circuit, multiplier: float) -> AbstractContextManager[None]:
    """Scale a circuit while the block is open.

    Example:
        >>> with scaled(model, circuit, multiplier=0.0):
        ...     answers = generate(model, prompts)
    """
    return Scaling(circuit, multiplier).applied(model)
