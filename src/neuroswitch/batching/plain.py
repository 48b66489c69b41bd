"""Generation settings and state of earlier calls, set aside while a model is asked.

Checkpoints ship with settings for `generate` (sampling, forced or forbidden tokens), which would fill
every setting that is left open. Models that see images keep, in the module, how far those of the last call
shifted the positions of a batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import GenerationConfig, PreTrainedModel

REMEMBERED = "rope_deltas"
"""Attribute in which the Qwen-VL and GLM-V families keep the shifts of the last call's batch."""


@contextmanager
def plain_generation(module: PreTrainedModel) -> Iterator[None]:
    """Generate with the settings that are given and nothing else."""
    shipped = module.generation_config
    module.generation_config = GenerationConfig()
    try:
        with text_only(module):
            yield
    finally:
        module.generation_config = shipped


@contextmanager
def text_only(module: nn.Module) -> Iterator[None]:
    """Set aside what a model remembers of the images of an earlier call: text shifts no positions."""
    keepers = [child for child in module.modules() if hasattr(child, REMEMBERED)]
    remembered = [getattr(child, REMEMBERED) for child in keepers]
    for child in keepers:
        setattr(child, REMEMBERED, None)
    try:
        yield
    finally:
        for child, shifts in zip(keepers, remembered, strict=True):
            setattr(child, REMEMBERED, shifts)
