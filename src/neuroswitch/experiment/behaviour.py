"""A behaviour by name or file: the prompts that show it and the detector that sees it."""

from dataclasses import dataclass
from pathlib import Path

from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import BadPrompts
from neuroswitch.prompts import ContrastSet, builtin_names

FALLBACK = "refusal"
"""The detector of a behaviour that comes from a file, unless another is named."""


@dataclass(frozen=True)
class Behaviour:
    """What is looked for.

    Attributes:
        name: Name of the built-in set, or stem of the file.
        contrast: The prompts.
        detector: Says whether an answer shows the behaviour.
        sensitive: Whether answers may be harmful text, to be hidden in what is shared.
    """

    name: str
    contrast: ContrastSet
    detector: Detector
    sensitive: bool


def find_behaviour(name_or_file: str, detector: str | None = None) -> Behaviour:
    """Find a behaviour.

    Args:
        name_or_file: A built-in set, or a JSONL or CSV file as `ContrastSet.read` takes it.
        detector: Name of the detector. Default: the built-in set's own; `refusal` for a file.

    Raises:
        BadPrompts: There is neither such a set nor such a file, or the file is no contrast set.
        BadOption: There is no such detector.
    """
    builtin = name_or_file in builtin_names()
    if not builtin and not Path(name_or_file).is_file():
        raise BadPrompts(
            f"there is no behaviour {name_or_file!r}",
            found="neither a built-in contrast set nor a file of this name",
            expected="one of " + ", ".join(builtin_names()) + ", or a .jsonl or .csv file",
        )
    contrast = ContrastSet.builtin(name_or_file) if builtin else ContrastSet.read(name_or_file)
    found = get_detector(detector or (name_or_file if builtin else FALLBACK))
    return Behaviour(contrast.name, contrast, found, sensitive=not builtin or name_or_file == "refusal")
