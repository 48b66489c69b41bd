"""Load a model, and hold it: module, tokenizer, neurons, identity, open changes."""

from neuroswitch.models.fingerprints import digest_of as digest_of
from neuroswitch.models.fingerprints import exact_digest as exact_digest
from neuroswitch.models.fingerprints import sample_digest as sample_digest
from neuroswitch.models.fingerprints import weights_digest as weights_digest
from neuroswitch.models.handle import LanguageModel as LanguageModel
from neuroswitch.models.handle import ModelIdentity as ModelIdentity
from neuroswitch.models.handle import PaddingEffect as PaddingEffect
from neuroswitch.models.loading import ModelFiles as ModelFiles
from neuroswitch.models.loading import load_model as load_model
from neuroswitch.models.loading import load_structure as load_structure
from neuroswitch.models.loading import read_model_files as read_model_files
from neuroswitch.models.loading import wrap_model as wrap_model
from neuroswitch.models.options import LoadOptions as LoadOptions
from neuroswitch.models.options import require_device as require_device
from neuroswitch.models.origin import find_origin as find_origin
from neuroswitch.models.quantization import Quantization as Quantization
from neuroswitch.models.quantization import has_experts as has_experts
from neuroswitch.models.quantization import quantization_of as quantization_of
from neuroswitch.models.team import ALONE as ALONE
from neuroswitch.models.team import Team as Team
from neuroswitch.models.team import team_of as team_of
from neuroswitch.models.tokenizers import require_template as require_template
