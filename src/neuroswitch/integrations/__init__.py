"""Circuits in other programs: served by vLLM, and as models of lm-eval and Inspect.

lm-eval and Inspect are optional: their modules import them, and are imported by name only.
"""

from neuroswitch.integrations.serving import check_engine as check_engine
from neuroswitch.integrations.serving import client_code as client_code
from neuroswitch.integrations.serving import model_name as model_name
from neuroswitch.integrations.serving import open_engine as open_engine
from neuroswitch.integrations.serving import serving as serving
from neuroswitch.options import EngineChoice as EngineChoice
from neuroswitch.options import ServeOptions as ServeOptions
