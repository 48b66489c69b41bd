"""neuroswitch finds the few MLP neurons behind a behaviour of a language model, and switches them.

Names are imported when they are first used, so that `import neuroswitch` loads no torch and
the reports can be rendered without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuroswitch.answering import Completion as Completion
    from neuroswitch.answering import Decoding as Decoding
    from neuroswitch.answering import generate as generate
    from neuroswitch.chat import ChatFormat as ChatFormat
    from neuroswitch.circuits import Circuit as Circuit
    from neuroswitch.circuits import load as load_circuit
    from neuroswitch.circuits import save as save
    from neuroswitch.detectors import get_detector as detector
    from neuroswitch.discovery import Reading as Reading
    from neuroswitch.discovery import collect as collect
    from neuroswitch.discovery import rank as rank
    from neuroswitch.discovery import select as select
    from neuroswitch.errors import NeuroswitchError as NeuroswitchError
    from neuroswitch.measures import measure as measure
    from neuroswitch.methods import Scaling as Scaling
    from neuroswitch.methods import scaled as scaled
    from neuroswitch.models import LoadOptions as LoadOptions
    from neuroswitch.models import load_model as load_model
    from neuroswitch.models import wrap_model as wrap_model
    from neuroswitch.prompts import ContrastSet as ContrastSet
    from neuroswitch.prompts import Prompt as Prompt
    from neuroswitch.prompts import read_prompts as read_prompts

__all__ = [
    "ChatFormat",
    "Circuit",
    "Completion",
    "ContrastSet",
    "Decoding",
    "LoadOptions",
    "NeuroswitchError",
    "Prompt",
    "Reading",
    "Scaling",
    "collect",
    "detector",
    "generate",
    "load_model",
    "load_circuit",
    "measure",
    "rank",
    "read_prompts",
    "save",
    "scaled",
    "select",
    "wrap_model",
]

_HOMES = {
    "ChatFormat": "chat",
    "Circuit": "circuits",
    "Completion": "answering",
    "ContrastSet": "prompts",
    "Decoding": "answering",
    "LoadOptions": "models",
    "NeuroswitchError": "errors",
    "Prompt": "prompts",
    "Reading": "discovery",
    "Scaling": "methods",
    "collect": "discovery",
    "detector": "detectors:get_detector",
    "generate": "answering",
    "load_model": "models",
    "load_circuit": "circuits:load",
    "measure": "measures",
    "rank": "discovery",
    "read_prompts": "prompts",
    "save": "circuits",
    "scaled": "methods",
    "select": "discovery",
    "wrap_model": "models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neuroswitch' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(f"neuroswitch.{module}"), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
