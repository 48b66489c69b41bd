"""Circuits in other engines and harnesses: thin, optional, each importing its library when used.

`lm_eval` and `inspect_ai` are imported by name, because each needs the library of its name.
"""

from neuroswitch.integrations.serve import LOCALLY as LOCALLY
from neuroswitch.integrations.serve import client_code as client_code
from neuroswitch.integrations.serve import open_engine as open_engine
from neuroswitch.integrations.serve import serving as serving
from neuroswitch.options import EngineChoice as EngineChoice
from neuroswitch.options import ServeOptions as ServeOptions
