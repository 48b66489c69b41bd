"""Progress of long work, reported to a function of the caller: nothing below the command line prints."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the name of the stage, the number of units done and the number of all units."""


def silent(stage: str, done: int, total: int) -> None:
    """Do nothing: the default of every function that takes a `Progress`."""
