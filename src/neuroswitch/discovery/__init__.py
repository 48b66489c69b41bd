"""Prompts in, circuit out: statistics, rankings, selections."""

from neuroswitch.discovery.bootstrap import BootstrapSelection as BootstrapSelection
from neuroswitch.discovery.bootstrap import Resampling as Resampling
from neuroswitch.discovery.bootstrap import bootstrap_selection as bootstrap_selection
from neuroswitch.discovery.collection import Reading as Reading
from neuroswitch.discovery.collection import collect as collect
from neuroswitch.discovery.collection import read_batches as read_batches
from neuroswitch.discovery.finding import find_circuit as find_circuit
from neuroswitch.discovery.finding import find_scores as find_scores
from neuroswitch.discovery.finding import find_scores_streamed as find_scores_streamed
from neuroswitch.discovery.least_damage import Box as Box
from neuroswitch.discovery.least_damage import Damage as Damage
from neuroswitch.discovery.least_damage import damage_probes as damage_probes
from neuroswitch.discovery.least_damage import least_damage_doses as least_damage_doses
from neuroswitch.discovery.least_damage import pruned_doses as pruned_doses
from neuroswitch.discovery.rankings import DEFAULT as DEFAULT
from neuroswitch.discovery.rankings import RANKINGS as RANKINGS
from neuroswitch.discovery.rankings import Scores as Scores
from neuroswitch.discovery.rankings import rank as rank
from neuroswitch.discovery.rankings import ranking as ranking
from neuroswitch.discovery.responses import Shows as Shows
from neuroswitch.discovery.responses import benign_responses as benign_responses
from neuroswitch.discovery.selection import budget as budget
from neuroswitch.discovery.selection import qualified as qualified
from neuroswitch.discovery.selection import select as select
from neuroswitch.discovery.statistics import NeuronStatistics as NeuronStatistics
