"""neuroswitch finds the few MLP neurons behind a behaviour of a language model, and switches them.

Names are imported when they are first used, so that `import neuroswitch` loads no torch and
reports can be rendered without it.
"""

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuroswitch.answering import Completion as Completion
    from neuroswitch.answering import Decoding as Decoding
    from neuroswitch.answering import generate as generate
    from neuroswitch.chat import ChatFormat as ChatFormat
    from neuroswitch.circuits import Circuit as Circuit
    from neuroswitch.circuits import export as export
    from neuroswitch.circuits import random_circuit as random_circuit
    from neuroswitch.detectors import Detector as Detector
    from neuroswitch.detectors import get_detector as detector
    from neuroswitch.discovery import Reading as Reading
    from neuroswitch.discovery import collect as collect
    from neuroswitch.discovery import find_circuit as find_circuit
    from neuroswitch.discovery import rank as rank
    from neuroswitch.discovery import select as select
    from neuroswitch.errors import NeuroswitchError as NeuroswitchError
    from neuroswitch.measures import damage as damage
    from neuroswitch.measures import measure as measure
    from neuroswitch.methods import Scaling as Scaling
    from neuroswitch.methods import largest_circuit as largest_circuit
    from neuroswitch.methods import scaled as scaled
    from neuroswitch.models import LoadOptions as LoadOptions
    from neuroswitch.models import load_model as load_model
    from neuroswitch.models import wrap_model as wrap_model
    from neuroswitch.prompts import ContrastSet as ContrastSet
    from neuroswitch.prompts import Prompt as Prompt
    from neuroswitch.prompts import read_prompts as read_prompts

__version__ = _version("neuroswitch")

_HOMES = {
    "ChatFormat": "chat",
    "Circuit": "circuits",
    "Completion": "answering",
    "ContrastSet": "prompts",
    "Decoding": "answering",
    "Detector": "detectors",
    "LoadOptions": "models",
    "NeuroswitchError": "errors",
    "Prompt": "prompts",
    "Reading": "discovery",
    "Scaling": "methods",
    "collect": "discovery",
    "damage": "measures",
    "detector": "detectors:get_detector",
    "export": "circuits",
    "find_circuit": "discovery",
    "generate": "answering",
    "largest_circuit": "methods",
    "load_model": "models",
    "measure": "measures",
    "random_circuit": "circuits",
    "rank": "discovery",
    "read_prompts": "prompts",
    "scaled": "methods",
    "select": "discovery",
    "wrap_model": "models",
}

__all__ = [
    "__version__",
    "ChatFormat",
    "Circuit",
    "Completion",
    "ContrastSet",
    "Decoding",
    "Detector",
    "LoadOptions",
    "NeuroswitchError",
    "Prompt",
    "Reading",
    "Scaling",
    "collect",
    "damage",
    "detector",
    "export",
    "find_circuit",
    "generate",
    "largest_circuit",
    "load_model",
    "measure",
    "random_circuit",
    "rank",
    "read_prompts",
    "scaled",
    "select",
    "wrap_model",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'neuroswitch' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(f"neuroswitch.{module}"), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
