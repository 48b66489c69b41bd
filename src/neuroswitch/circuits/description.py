"""`circuit.json`, read as a file of unknown origin: the whole document is checked once, when it is read.

JSON only, nothing is executed, and no size that the file claims is allocated before it is plausible.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from neuroswitch.errors import BadCircuit
from neuroswitch.provenance import Provenance
from neuroswitch.sites import NeuronLayout, Site
from neuroswitch.storage import JsonObject, first_flaw, require_signed
from neuroswitch.untrusted import parse_json, read_inside

SCHEMA = 2

LARGEST_MODEL = 2**32
"""Neurons; some hundred times those of the largest open model."""
MOST_LAYERS = 2**16
LONGEST_TEXT = 1024
"""Characters of a text that is shown to readers."""
LONGEST_NAME = 255
"""Bytes of the name of a file."""
AGAIN = "fetch or save the circuit again"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _plausible(site: Site) -> Site:
    numbers = (site.layer, site.width, site.experts)
    if min(numbers) < 0 or site.layer >= MOST_LAYERS or not 0 < site.neurons <= LARGEST_MODEL:
        raise ValueError("numbers that no model has")
    if site.kind == "experts" and site.units == "attention":
        raise ValueError("experts of attention")
    if site.kind == "dense" and site.experts != 1:
        raise ValueError("experts of a dense layer")
    return site


def _complete(made: Provenance) -> Provenance:
    """Check what commands and cards show of a provenance."""
    for key in ("name", "model_type", "config_sha256"):
        if not made.model.get(key):
            raise ValueError(f"model: no {key}")
    shown = (made.contrast, made.ranking, made.date, made.prompts_sha256)
    for text in (*shown, *made.model.values(), *made.model, *made.versions.values(), *made.versions):
        if text is not None and not (text.isprintable() and len(text) <= LONGEST_TEXT):
            raise ValueError(f"a text with control characters, or longer than {LONGEST_TEXT}: {text[:40]!r}")
    # they may be paths, and the file system is asked for them
    for place in ("name", "location"):
        if any(len(part.encode()) > LONGEST_NAME for part in str(made.model.get(place)).split("/")):
            raise ValueError(f"model: a {place} with a part of more than {LONGEST_NAME} bytes")
    return made


class Sites(BaseModel):
    """The layout of a model, as `NeuronLayout.to_json` writes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sites: Annotated[list[Annotated[Site, AfterValidator(_plausible)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_axis(self) -> "Sites":
        layout = NeuronLayout(tuple(self.sites))
        if len(set(layout.paths)) < len(layout.paths):
            raise ValueError("two sites of the same path")
        if layout.size > LARGEST_MODEL:
            raise ValueError(f"a model of {layout.size} neurons")
        return self


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
        units: Kind of unit -> number of them; only where the model has others than MLP neurons.
        adapter: What the folder is to PEFT.
        sha256: Digest of all the rest of the document (`storage.signed`).
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: Literal[2] = Field(alias="schema")
    provenance: Annotated[Provenance, AfterValidator(_complete)]
    layout: Sites
    files: dict[str, Sha256]
    neurons: int
    fraction: float
    by_layer: Mapping[int, int]
    units: dict[Literal["mlp", "attention"], int] | None = None
    adapter: Mapping[str, object]
    sha256: Sha256

    def neuron_layout(self) -> NeuronLayout:
        """Return the layout."""
        return NeuronLayout(tuple(self.layout.sites))


def read_description(path: Path) -> Description:
    """Read `circuit.json`.

    Raises:
        BadCircuit: It is missing, damaged, of another schema, or implausible.
    """
    try:
        content = read_inside(path.parent, path.name)
        document = parse_json(content)
        found = Description.model_validate_json(content)
        require_signed(cast("JsonObject", document))
        found.neuron_layout()
    except FileNotFoundError:
        raise BadCircuit(
            f"{path.parent} is not a circuit folder",
            found=f"no {path.name} in it",
            do="name the folder that `discover` or `run` wrote; an interrupted save leaves none, and a method that "
            "does not multiply neurons, such as a pinned one, has none",
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("schema",):
            raise BadCircuit(
                f"{path} has an unknown schema",
                found=repr(first["input"])[:80],
                expected=str(SCHEMA),
                do="use the version of neuroswitch that wrote it, or a newer one",
            ) from error
        raise BadCircuit(f"{path} is damaged", found=first_flaw(error), do=AGAIN) from error
    except (OSError, ValueError) as error:
        raise BadCircuit(f"{path} cannot be read", found=str(error), do=AGAIN) from error
    return found
