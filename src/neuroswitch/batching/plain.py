"""Generation settings and state of earlier calls, set aside while a model is asked.

Checkpoints come with settings for `generate` (sampling, forced or forbidden tokens), which would be used for
every setting that is not given. Models for images keep, in the module, how far the images of the last
call shifted the positions of a batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import GenerationConfig, PreTrainedModel

POSITION_SHIFTS = "rope_deltas"
"""Attribute in which the Qwen-VL and GLM-V families keep the shifts of the last call's batch."""


@contextmanager
def plain_generation(module: PreTrainedModel) -> Iterator[None]:
    """Generate with no other settings than those that are given."""
    shipped = module.generation_config
    module.generation_config = GenerationConfig()
    try:
        with text_only(module):
            yield
    finally:
        module.generation_config = shipped


@contextmanager
def text_only(module: nn.Module) -> Iterator[None]:
    """Set aside the position shifts that images of an earlier call have left."""
    owners = [child for child in module.modules() if hasattr(child, POSITION_SHIFTS)]
    kept = [getattr(child, POSITION_SHIFTS) for child in owners]
    for child in owners:
        setattr(child, POSITION_SHIFTS, None)
    try:
        yield
    finally:
        for child, shifts in zip(owners, kept, strict=True):
            setattr(child, POSITION_SHIFTS, shifts)
