"""Options that commands alone have, each declared once; those of experiments are in `neuroswitch.options`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from neuroswitch.options import ChatFormat, LoadOptions
from neuroswitch.values import Finite


def at_home(_: object, tokens: Sequence[Token]) -> Path:
    """Read a path in which `~` is the home folder: shells leave it as it is in `--output=~/x`."""
    return Path(tokens[0].value).expanduser()


CircuitFolder = Annotated[Path, Parameter(help="Folder of a circuit.", converter=at_home)]
Model = Annotated[str, Parameter(help="Hub id, folder, GGUF file, or 'demo'.")]
Multiplier = Annotated[
    Finite,
    Parameter(help="Of neurons with dose 1: 0 is full strength, 1 changes nothing, above 1 amplifies."),
]
Output = Annotated[
    Path,
    Parameter(
        alias="-o",
        converter=at_home,
        help="Folder for all that is written; an experiment in it is continued.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How a model is loaded and how prompts are put to it."""

    chat: ChatFormat = ChatFormat()
    loading: LoadOptions = LoadOptions()
