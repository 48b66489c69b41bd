"""The handle on a model: how it is loaded, who it is, where it lies."""

from neuroswitch.models.estimates import Duration as Duration
from neuroswitch.models.estimates import Memory as Memory
from neuroswitch.models.estimates import Work as Work
from neuroswitch.models.estimates import duration as duration
from neuroswitch.models.estimates import memory as memory
from neuroswitch.models.fingerprints import digest_of as digest_of
from neuroswitch.models.fingerprints import sample as sample
from neuroswitch.models.fingerprints import weights_digest as weights_digest
from neuroswitch.models.handle import LanguageModel as LanguageModel
from neuroswitch.models.handle import ModelIdentity as ModelIdentity
from neuroswitch.models.loading import Blueprint as Blueprint
from neuroswitch.models.loading import blueprint as blueprint
from neuroswitch.models.loading import load_model as load_model
from neuroswitch.models.loading import outline as outline
from neuroswitch.models.loading import wrap_model as wrap_model
from neuroswitch.models.options import LoadOptions as LoadOptions
from neuroswitch.models.processes import ALONE as ALONE
from neuroswitch.models.processes import Team as Team
from neuroswitch.models.processes import team_of as team_of
from neuroswitch.models.quantization import Quantization as Quantization
from neuroswitch.models.quantization import has_experts as has_experts
from neuroswitch.models.quantization import quantization_of as quantization_of
