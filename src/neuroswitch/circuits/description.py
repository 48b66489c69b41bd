"""`circuit.json`, read as a file of unknown origin: checked before anything is built from it.

JSON only, nothing is executed, and no size that the file claims is allocated before it is plausible.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from neuroswitch.errors import BadCircuit
from neuroswitch.provenance import Provenance
from neuroswitch.sites import NeuronLayout, Site

SCHEMA = 2

LARGEST_FILE = 64 * 1024**2
"""Bytes; a layout of 1,000 layers with 100 sites each takes 16 MB."""
LARGEST_MODEL = 2**40
"""Neurons; a thousand times those of the largest open model."""


def _plausible(site: Site) -> Site:
    numbers = (site.layer, site.width, site.experts)
    if min(numbers) < 0 or not 0 < site.neurons <= LARGEST_MODEL:
        raise ValueError("numbers that no model has")
    if site.kind == "dense" and site.experts != 1:
        raise ValueError("experts of a dense layer")
    return site


class Sites(BaseModel):
    """The layout of a model, as `NeuronLayout.to_json` writes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sites: list[Annotated[Site, AfterValidator(_plausible)]]


class Description(BaseModel):
    """What `circuit.json` holds.

    Attributes:
        schema_version: Version of the format.
        provenance: Of the circuit.
        layout: Of the model.
        files: Name of each other file -> sha256 of its content.
        neurons: Number of neurons; this and what follows is for human readers.
        fraction: Share of all neurons of the model, 0-1.
        by_layer: Layer -> number of neurons.
        adapter: What the folder is to PEFT.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: Literal[2] = Field(alias="schema")
    provenance: Provenance
    layout: Sites
    files: dict[str, str]
    neurons: int
    fraction: float
    by_layer: Mapping[int, int]
    adapter: Mapping[str, object]

    def neuron_layout(self) -> NeuronLayout:
        """Return the layout.

        Raises:
            ValueError: A site is listed twice, or the model is larger than any that exists.
        """
        layout = NeuronLayout(tuple(self.layout.sites))
        if len(set(layout.paths)) < len(layout.paths):
            raise ValueError("two sites of the same path")
        if layout.size > LARGEST_MODEL:
            raise ValueError(f"a model of {layout.size} neurons")
        return layout


def read_description(path: Path) -> Description:
    """Read `circuit.json`.

    Raises:
        BadCircuit: It is missing, damaged, of another schema, or implausible.
    """
    again = "fetch or save the circuit again"
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadCircuit(f"{path} is too large", expected=f"at most {LARGEST_FILE} bytes")
        return Description.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BadCircuit(
            f"{path.parent} is not a circuit folder",
            found=f"no {path.name} in it",
            do="name the folder that `discover` or `run` wrote; an interrupted save leaves none",
        ) from None
    except OSError as error:
        raise BadCircuit(f"{path} cannot be read", found=str(error), do=again) from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("schema",):
            raise BadCircuit(
                f"{path} has an unknown schema",
                found=repr(first["input"]),
                expected=str(SCHEMA),
                do="use the version of neuroswitch that wrote it, or a newer one",
            ) from error
        where = ".".join(map(str, first["loc"]))
        raise BadCircuit(f"{path} is damaged", found=f"{where}: {first['msg']}", do=again) from error
