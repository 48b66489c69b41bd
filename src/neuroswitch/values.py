"""How values of options are read from words, and which values no option can have. Imports no torch."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import isfinite
from typing import Annotated, TypeVar

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from neuroswitch.errors import BadOption

Item = TypeVar("Item")


def commas(read: Callable[[str], Item]) -> Parameter:
    """Return how a list with commas between, such as `0,0.5,1`, is read and shown; each item counts once."""

    def convert(_: object, tokens: Sequence[Token]) -> tuple[Item, ...]:
        parts = [part.strip() for token in tokens for part in token.value.split(",")]
        if not any(parts):
            raise ValueError("found nothing, expected one or more with commas between")
        return tuple(dict.fromkeys(read(part) for part in parts if part))

    def show(items: tuple[Item, ...]) -> str:
        return ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in items)

    return Parameter(converter=convert, n_tokens=1, negative="", show_default=show)


def finite_number(text: str) -> float:
    """Read one number of a list.

    Raises:
        ValueError: It is none, or not finite.
    """
    with suppress(ValueError):
        if isfinite(value := float(text)):
            return value
    raise ValueError(f"found {text!r}, expected numbers with commas between, such as 0,0.5,1")


def read_size(_: object, tokens: Sequence[Token]) -> int | float:
    """Read the size of a circuit: digits are a count, anything else a fraction.

    Raises:
        ValueError: It is no number.
    """
    text = tokens[0].value.strip()
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise ValueError(
            f"found {text!r}, expected a fraction such as 0.001 or a count such as 116"
        ) from None


def refuse_infinite(_: object, value: float | None) -> None:
    """Refuse NaN and infinities on the command line.

    Raises:
        ValueError: The value is one of them.
    """
    if value is not None and not isfinite(value):
        raise ValueError(f"found {value}, expected a finite number")


def require_finite(name: str, *values: float) -> None:
    """Refuse NaN and infinities.

    Raises:
        BadOption: One of the values is not finite.
    """
    if bad := [value for value in values if not isfinite(value)]:
        raise BadOption(f"{name} must be a finite number, not {bad[0]}")


def require_size(size: float) -> None:
    """Refuse what is neither a fraction nor a count of neurons.

    Raises:
        BadOption: It is not positive, or not whole, or 1.0, which could be all neurons or one.
    """
    whole = isinstance(size, int) or (isfinite(size) and size > 1 and size == int(size))
    if isinstance(size, bool) or size <= 0 or not (whole or 0 < size < 1):
        raise BadOption(
            "the size of a circuit is neither a fraction nor a count",
            found=f"{size}",
            expected="a fraction below 1, such as 0.001, or a whole number of neurons, such as 116 or 1",
        )


def require_at_least(least: int, **counts: int | None) -> None:
    """Refuse counts that are too small, by the names of their options.

    Raises:
        BadOption: One of them is below the least.
    """
    for name, count in counts.items():
        if count is not None and count < least:
            option = "--" + name.replace("_", "-")
            raise BadOption(f"{option} is too small", found=f"{count}", expected=f"at least {least}")


Names = Annotated[tuple[str, ...], commas(str)]
Numbers = Annotated[tuple[float, ...], commas(finite_number)]
Count = Annotated[int, Parameter(validator=Number(gte=1))]
Size = Annotated[int | float, Parameter(converter=read_size, n_tokens=1)]
Finite = Annotated[float, Parameter(validator=refuse_infinite)]
CountOrNone = Annotated[int, Parameter(validator=Number(gte=0))]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
