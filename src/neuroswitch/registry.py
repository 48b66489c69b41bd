"""Name -> function: how rankings, detectors, methods and exports are found by name.

Other packages register as the modules here do. A package that declares an entry point in the group
`neuroswitch` is imported before the first look-up; `NEUROSWITCH_PLUGINS=""` turns that off.
"""

import os
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from neuroswitch.errors import BadOption, Prerequisite

T = TypeVar("T")
Made = TypeVar("Made")


class Registry(Generic[T]):
    """A table of named things of one kind.

    Args:
        kind: What the things are, for messages: "ranking", "method", ...
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._table: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files its argument under `name`.

        Raises:
            ValueError: The name is taken.
        """

        def decorator(thing: T) -> T:
            if name in self._table:
                raise ValueError(f"{self.kind} {name!r} is registered already")
            self._table[name] = thing
            return thing

        return decorator

    def register_fixed(self: "Registry[Callable[[str], Made]]", name: str, thing: Made) -> None:
        """File a thing under a name that takes no argument behind a colon.

        Raises:
            ValueError: The name is taken.
        """

        def made(argument: str) -> Made:
            if argument:
                raise BadOption(
                    f"the {self.kind} {name!r} takes no argument", found=f"{name}:{argument}", expected=name
                )
            return thing

        self.register(name)(made)

    def get(self, name: str) -> T:
        """Look up `name`.

        Raises:
            BadOption: No such name; the message lists those there are.
        """
        load_plugins()
        if name not in self._table:
            raise BadOption(
                f"there is no {self.kind} called {name!r}",
                expected="one of " + ", ".join(self.names()),
            )
        return self._table[name]

    def make(self: "Registry[Callable[[str], Made]]", name: str) -> Made:
        """Call the factory of a name such as `kind:argument` with what follows its first colon.

        Raises:
            BadOption: There is no such kind, or its argument is wrong.
        """
        kind, _, argument = name.partition(":")
        return self.get(kind)(argument)

    def names(self) -> list[str]:
        """List the names in the order of registration."""
        load_plugins()
        return list(self._table)


@cache
def load_plugins() -> None:
    """Import every package that declares an entry point in the group `neuroswitch`, once.

    Raises:
        Prerequisite: A plug-in fails to import; the message names it.
    """
    if os.environ.get("NEUROSWITCH_PLUGINS") == "":
        return
    for entry in entry_points(group="neuroswitch"):
        try:
            entry.load()
        except Exception as error:
            raise Prerequisite(
                f"the plug-in {entry.name!r} ({entry.value}) could not be loaded",
                found=f"{type(error).__name__}: {error}",
                do='repair or uninstall it, or set NEUROSWITCH_PLUGINS=""',
            ) from error
