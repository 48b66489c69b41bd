"""How long work reports where it is: a callback, so that no layer below the CLI draws anything."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the name of the stage, the units done and the units in all."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing: the default of every function that takes a `Progress`."""
