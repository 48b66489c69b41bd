"""Prompts in, circuit out: statistics, rankings, selections."""

from neuroswitch.discovery.collection import Reading as Reading
from neuroswitch.discovery.collection import collect as collect
from neuroswitch.discovery.collection import read_batches as read_batches
from neuroswitch.discovery.rankings import DEFAULT as DEFAULT
from neuroswitch.discovery.rankings import RANKINGS as RANKINGS
from neuroswitch.discovery.rankings import Scores as Scores
from neuroswitch.discovery.rankings import rank as rank
from neuroswitch.discovery.responses import Shows as Shows
from neuroswitch.discovery.selection import budget as budget
from neuroswitch.discovery.selection import select as select
from neuroswitch.discovery.streaming import collect_streamed as collect_streamed
from neuroswitch.discovery.streaming import rank_streamed as rank_streamed
from neuroswitch.discovery.streaming import require_streamable as require_streamable
