"""The circuit as a value and as a folder: its algebra, its files, and its forms for other engines."""

from neuroswitch.circuits.card import CardFacts as CardFacts
from neuroswitch.circuits.circuit import Circuit as Circuit
from neuroswitch.circuits.conditions import HOW as HOW
from neuroswitch.circuits.conditions import differences as differences
from neuroswitch.circuits.conditions import found_with as found_with
from neuroswitch.circuits.conditions import require_unseen as require_unseen
from neuroswitch.circuits.conditions import with_prompts as with_prompts
from neuroswitch.circuits.exporting import export as export
from neuroswitch.circuits.exports.forms import exporters as exporters
from neuroswitch.circuits.exports.ia3 import CONFIG as CONFIG
from neuroswitch.circuits.files import DESCRIPTION as DESCRIPTION
from neuroswitch.circuits.files import check_model as check_model
from neuroswitch.circuits.hub import base_note as base_note
from neuroswitch.circuits.hub import find_facts as find_facts
from neuroswitch.circuits.hub import pull as pull
from neuroswitch.circuits.hub import pull_here as pull_here
from neuroswitch.circuits.hub import push as push
from neuroswitch.circuits.random import random_circuit as random_circuit
from neuroswitch.circuits.tokens import promoted_tokens as promoted_tokens
from neuroswitch.circuits.transfer import transferred as transferred
from neuroswitch.circuits.verify import own_prompts as own_prompts
from neuroswitch.circuits.verify import verify as verify
