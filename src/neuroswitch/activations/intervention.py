"""What changes a model and leaves no trace: the one interface of all methods."""

from contextlib import AbstractContextManager
from typing import Protocol

from neuroswitch.models import LanguageModel


class Intervention(Protocol):
    """A reversible change of a model.

    Implementations are frozen values that hold no model. Inside `with applied(model):` the
    model behaves differently; behind the block its outputs are bit for bit what they were,
    also after an exception. Interventions nest.
    """

    @property
    def name(self) -> str:
        """What to call it in tables: method and strength."""
        ...

    def applied(self, model: LanguageModel) -> AbstractContextManager[None]:
        """Open the block inside which `model` is changed."""
        ...
