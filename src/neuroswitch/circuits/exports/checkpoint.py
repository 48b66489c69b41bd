"""Changing a copy of a checkpoint in place: only the bytes of the values that are scaled.

What a checkpoint is, and where its tensors are, is in the package `checkpoints`.
"""

from pathlib import Path

from jaxtyping import Bool
from torch import Tensor

from neuroswitch.checkpoints import CheckpointFiles as CheckpointFiles
from neuroswitch.checkpoints import StoredTensor
from neuroswitch.checkpoints import checkpoint_of as checkpoint_of
from neuroswitch.errors import UnsupportedModel


def scale_in_place(place: StoredTensor, copy: Path, chosen: Bool[Tensor, "..."], multiplier: float) -> None:
    """Multiply some values of a tensor in a copy of its file.

    Args:
        place: The tensor.
        copy: The copy of `place.file` to change.
        chosen: Which values; shape of the tensor.
        multiplier: Applied in float32 and rounded to the type of the tensor.

    Raises:
        UnsupportedModel: The tensor is packed or has another shape.
    """
    if place.shape != tuple(chosen.shape):
        raise UnsupportedModel(
            f"a tensor in {place.file.name} has another shape than the model's",
            found=str(place.shape),
            expected=str(tuple(chosen.shape)),
            do="export the form 'ia3' or 'lora', which leave the checkpoint alone",
        )
    values = place.values(file=copy)
    values[chosen] = (values[chosen].float() * multiplier).to(values.dtype)
