"""The circuit as a value and as a folder: its algebra, its files, and its forms for other engines."""

from neuroswitch.circuits.adapter import CONFIG as CONFIG
from neuroswitch.circuits.circuit import Circuit as Circuit
from neuroswitch.circuits.export import export as export
from neuroswitch.circuits.files import DESCRIPTION as DESCRIPTION
from neuroswitch.circuits.files import check_model as check_model
from neuroswitch.circuits.files import load as load
from neuroswitch.circuits.files import save as save
from neuroswitch.circuits.folders import new_folder as new_folder
from neuroswitch.circuits.tokens import promoted_tokens as promoted_tokens
from neuroswitch.circuits.transfer import transferred as transferred
from neuroswitch.circuits.verify import own_prompts as own_prompts
from neuroswitch.circuits.verify import verify as verify
