"""neuroswitch finds the few MLP neurons behind a behaviour of a language model, and switches them.

Names are imported when they are first used, so that `import neuroswitch` loads no torch and
the reports can be rendered without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuroswitch.chat import ChatFormat as ChatFormat
    from neuroswitch.circuits.circuit import Circuit as Circuit
    from neuroswitch.circuits.files import load as load_circuit
    from neuroswitch.circuits.files import save as save
    from neuroswitch.completions import Completion as Completion
    from neuroswitch.discovery.collect import Reading as Reading
    from neuroswitch.discovery.collect import collect as collect
    from neuroswitch.discovery.rankings import rank as rank
    from neuroswitch.discovery.selection import select as select
    from neuroswitch.errors import NeuroswitchError as NeuroswitchError
    from neuroswitch.evaluation.detectors import get_detector as detector
    from neuroswitch.evaluation.summary import measure as measure
    from neuroswitch.generation import Decoding as Decoding
    from neuroswitch.generation import generate as generate
    from neuroswitch.methods.cna import Scaling as Scaling
    from neuroswitch.methods.cna import scaled as scaled
    from neuroswitch.models.loading import load as load
    from neuroswitch.models.loading import wrap as wrap
    from neuroswitch.models.options import LoadOptions as LoadOptions
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
    "load",
    "load_circuit",
    "measure",
    "rank",
    "read_prompts",
    "save",
    "scaled",
    "select",
    "wrap",
]

_HOMES = {
    "ChatFormat": "chat",
    "Circuit": "circuits.circuit",
    "Completion": "completions",
    "ContrastSet": "prompts",
    "Decoding": "generation",
    "LoadOptions": "models.options",
    "NeuroswitchError": "errors",
    "Prompt": "prompts",
    "Reading": "discovery.collect",
    "Scaling": "methods.cna",
    "collect": "discovery.collect",
    "detector": "evaluation.detectors:get_detector",
    "generate": "generation",
    "load": "models.loading",
    "load_circuit": "circuits.files:load",
    "measure": "evaluation.summary",
    "rank": "discovery.rankings",
    "read_prompts": "prompts",
    "save": "circuits.files",
    "scaled": "methods.cna",
    "select": "discovery.selection",
    "wrap": "models.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neuroswitch' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(f"neuroswitch.{module}"), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
