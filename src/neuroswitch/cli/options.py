"""Options that commands alone have, each declared once; those of experiments are in `neuroswitch.options`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neuroswitch.options import ChatFormat, LoadOptions

CircuitFolder = Annotated[Path, Parameter(help="Folder of a circuit.")]
Model = Annotated[str, Parameter(help="Hub id, folder, GGUF file, or 'demo'.")]
Multiplier = Annotated[float, Parameter(help="0 ablates, 1 changes nothing, above 1 amplifies.")]
Output = Annotated[
    Path,
    Parameter(alias="-o", help="Folder for everything that is written; an experiment in it is continued."),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How a model is loaded and how prompts are put to it."""

    chat: ChatFormat = ChatFormat()
    loading: LoadOptions = LoadOptions()
