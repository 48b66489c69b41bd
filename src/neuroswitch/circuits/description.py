"""What `circuit.json` says, read as if it came from a stranger: checked before anything is built from it.

Knows the schema; does not know tensors of circuits or folders. JSON only, nothing is executed, and
no size that the file claims is allocated before it is plausible.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from neuroswitch.errors import BadCircuit
from neuroswitch.provenance import Provenance
from neuroswitch.sites import NeuronLayout, Site

SCHEMA = 2
READABLE = (1, SCHEMA)
"""The first schema had no doses: every neuron of such a circuit has dose 1."""

LARGEST_FILE = 64 * 1024**2
"""Bytes; a layout of 1,000 layers with 100 sites each takes 16 MB."""
LARGEST_SITE = 2**36
LARGEST_MODEL = 2**40
"""Neurons; a thousand times those of the largest open model."""


def parse(path: Path) -> dict[str, Any]:
    """Read the description of a circuit, and check schema and types.

    Returns:
        The JSON object; `layout`, `provenance` and `files` are in it and well-formed.

    Raises:
        BadCircuit: It is missing, damaged, of another schema, or implausible.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadCircuit(
                f"{path} is too large for a description", expected=f"at most {LARGEST_FILE} bytes"
            )
        description = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise BadCircuit(
            f"{path.parent} is not a circuit folder",
            found=f"no {path.name} in it",
            do="name the folder that `discover` or `run` wrote; an interrupted save leaves none",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadCircuit(
            f"{path} is damaged", found=str(error), do="fetch or save the circuit again"
        ) from error
    schema = description.get("schema") if isinstance(description, dict) else None
    if schema not in READABLE:
        raise BadCircuit(
            f"{path} has an unknown schema",
            found=repr(schema),
            expected=" or ".join(map(str, READABLE)),
            do="use the version of neuroswitch that wrote it, or a newer one",
        )
    for key in ("layout", "provenance", "files"):
        if not isinstance(description.get(key), dict):
            raise _implausible(f"no object called {key!r}")
    return dict(description)


def layout(description: Mapping[str, Any]) -> NeuronLayout:
    """Build the layout of a description.

    Raises:
        BadCircuit: A site is malformed, listed twice, or larger than any model's.
    """
    read = NeuronLayout.from_json(description["layout"])
    for site in read.sites:
        if not _plausible(site):
            raise _implausible(f"the site {site}")
    if len(set(read.paths)) < len(read.paths):
        raise _implausible("two sites of the same path")
    if read.size > LARGEST_MODEL:
        raise _implausible(f"a model of {read.size} neurons")
    return read


def provenance(description: Mapping[str, Any]) -> Provenance:
    """Build the provenance of a description.

    Raises:
        BadCircuit: A field is missing, unknown or of another type.
    """
    try:
        read = Provenance(**description["provenance"])
    except TypeError as error:
        raise _implausible(str(error)) from error
    if not isinstance(read.model, dict) or not isinstance(read.ranking, str):
        raise _implausible("a provenance without model or ranking")
    return read


def _plausible(site: Site) -> bool:
    numbers = (site.layer, site.width, site.experts)
    return (
        all(type(number) is int and number >= 0 for number in numbers)
        and isinstance(site.path, str)
        and isinstance(site.tied_to, str | None)
        and site.kind in ("dense", "experts")
        and 0 < site.neurons <= LARGEST_SITE
        and (site.kind == "experts" or site.experts == 1)
    )


def _implausible(found: str) -> BadCircuit:
    return BadCircuit("the description of the circuit is malformed", found=found, do="fetch or save it again")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
