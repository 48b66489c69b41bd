"""Prompt files for tests: matched pairs as rows, and the type of the fixture that writes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
Write = Callable[[str, Rows], Path]


def pairs(count: int, **extra: Any) -> Rows:
    """Make `count` matched pairs of rows."""
    return [
        {"prompt": f"{side} number {pair}", "label": label, "group": f"pair {pair}", **extra}
        for pair in range(count)
        for label, side in (("positive", "Formal"), ("negative", "Casual"))
    ]
