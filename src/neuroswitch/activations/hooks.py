"""What every change by hooks needs: proof that modules ran, and compiled code that knows of the hooks.

Knows modules; does not know what a hook changes.
"""

import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from neuroswitch.errors import InterventionFailed


class Witness:
    """A pre-hook that remembers that its module ran."""

    def __init__(self) -> None:
        self.fired = False

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Remember, and change nothing."""
        self.fired = True
        return None


def forget_compiled_code() -> None:
    """Have what was compiled with `torch.compile` compiled again, with the hooks that there are now."""
    # compiled code has no guard on hooks that were absent when it was made (skip_nnmodule_hook_guards),
    # so it would silently run without them; hooks that are removed again it does notice
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


def require_fired(decoder: Witness, witnesses: Mapping[str, Witness]) -> None:
    """Refuse to leave a block in which the decoder ran and a module that should have changed did not.

    Args:
        decoder: The witness of the decoder.
        witnesses: Module path -> witness of each module that is changed.

    Raises:
        InterventionFailed: There is such a module.
    """
    missed = [path for path, witness in witnesses.items() if not witness.fired]
    if decoder.fired and missed:
        raise InterventionFailed(
            "the model ran, but modules that should have been changed were not reached",
            found=f"{len(missed)} of {len(witnesses)} modules did not run, such as {missed[0]}",
            expected="every module of the intervention to run in a forward pass",
        )
