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
from neuroswitch.discovery.rankings import DEFAULT as DEFAULT
from neuroswitch.discovery.rankings import RANKINGS as RANKINGS
from neuroswitch.discovery.rankings import Scores as Scores
from neuroswitch.discovery.rankings import rank as rank
from neuroswitch.discovery.rankings import ranking as ranking
from neuroswitch.discovery.responses import Shows as Shows
from neuroswitch.discovery.selection import budget as budget
from neuroswitch.discovery.selection import select as select
from neuroswitch.discovery.statistics import NeuronStatistics as NeuronStatistics
