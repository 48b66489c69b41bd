"""How the command line reads options that are declared in dataclasses: lists, groups, repeatable arguments."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Group, Parameter

Item = TypeVar("Item")


def commas(kind: Callable[[str], Item]) -> Callable[[Any, Sequence[Any]], tuple[Item, ...]]:
    """Return a converter for a list with commas between, such as `0,0.5,1`; each item counts once."""

    def convert(_: Any, tokens: Sequence[Any]) -> tuple[Item, ...]:
        parts = [part.strip() for token in tokens for part in token.value.split(",")]
        return tuple(dict.fromkeys(kind(part) for part in parts if part))

    return convert


def group(name: str) -> Parameter:
    """Return how a dataclass of options is shown: its fields as options of their own, under a heading."""
    return Parameter(name="*", group=Group(name, sort_key=2))


Names = Annotated[tuple[str, ...], Parameter(converter=commas(str), n_tokens=1, negative="")]
Numbers = Annotated[tuple[float, ...], Parameter(converter=commas(float), n_tokens=1, negative="")]
Output = Annotated[Path, Parameter(name=["--output", "-o"])]
VllmArguments = Annotated[tuple[str, ...], Parameter(negative="", allow_leading_hyphen=True)]
