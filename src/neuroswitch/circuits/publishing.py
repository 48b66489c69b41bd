"""A circuit as it is published: with the public name of its model, and without paths of the machine it was made on."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from neuroswitch.provenance import Provenance

_SNAPSHOT = re.compile(r"models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\][0-9a-f]{7,}")
"""The folder of a Hub repository in the Hub's cache, which names the repository."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
ON_THE_HUB = ("Hub", "hub", "wrapped")
"""Sources of models whose name is that of a Hub repository, if it looks like one."""


def public_name(model: Mapping[str, object]) -> str | None:
    """Return the name under which others find a circuit's model: its Hub repository; None where none is known.

    Args:
        model: Identity of the model, as in the provenance of a circuit.
    """
    name, source = str(model.get("name") or ""), str(model.get("source") or "")
    for text in (name, str(model.get("location") or "")):
        if cached := _SNAPSHOT.search(text):
            return f"{cached[1]}/{cached[2]}"
    # the demo model has the name of its repository, wherever its copy came from
    known = source in ON_THE_HUB or source.startswith(("Hub ", "GGUF Q4_K_M from the package index"))
    if known and _HUB_ID.fullmatch(name) and not name.startswith(".") and not Path(name).exists():
        return name
    return None


def base_model_entry(model: Mapping[str, object]) -> str:
    """Return what a published adapter says of its base model: its public name, or text that no library can load."""
    return public_name(model) or f"not public: {_last(str(model.get('name')))}"


def published(made: Provenance) -> Provenance:
    """Return a provenance without paths of this machine: of each only the last component is left."""
    model = {key: None if value is None else without_paths(value) for key, value in made.model.items()}
    model["location"] = None
    if public := public_name(made.model):
        model |= {"name": public, "source": "Hub"}
    return replace(
        made,
        model=model,
        contrast=without_paths(made.contrast),
        arguments={key: _plain(value) for key, value in made.arguments.items()},
        command=" ".join(without_paths(word) for word in made.command.split(" ")),
        parts=tuple(published(part) for part in made.parts),
    )


def _plain(value: object) -> object:
    if isinstance(value, str):
        return without_paths(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def without_paths(text: str) -> str:
    """Return a text, or what follows a `=` in it, as its last component if it is a path from a root or a home.

    Examples:
        >>> without_paths("/home/me/models/base"), without_paths("--model=~/base"), without_paths("Qwen/Qwen3-8B")
        ('base', '--model=base', 'Qwen/Qwen3-8B')
    """
    option, sign, value = text.partition("=") if text.startswith("--") else ("", "", text)
    rooted = value.startswith(("/", "~", "./", "../", "\\\\")) or re.match(r"[A-Za-z]:[\\/]", value)
    return f"{option}{sign}{_last(value)}" if rooted else text


def _last(path: str) -> str:
    kind = PureWindowsPath if "\\" in path else PurePosixPath
    return kind(path.rstrip("/\\")).name or "path"
