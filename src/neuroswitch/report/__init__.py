"""Reports: a summary in, one self-contained HTML page out. Never imports torch."""

from neuroswitch.report.page import rebuild as rebuild
from neuroswitch.report.page import render_page as render_page
from neuroswitch.report.page import summary_json as summary_json
from neuroswitch.report.summary import AtLength as AtLength
from neuroswitch.report.summary import Cell as Cell
from neuroswitch.report.summary import Chance as Chance
from neuroswitch.report.summary import CircuitFacts as CircuitFacts
from neuroswitch.report.summary import Judged as Judged
from neuroswitch.report.summary import LayerProfile as LayerProfile
from neuroswitch.report.summary import Matched as Matched
from neuroswitch.report.summary import MatchedRow as MatchedRow
from neuroswitch.report.summary import MethodFacts as MethodFacts
from neuroswitch.report.summary import ModelFacts as ModelFacts
from neuroswitch.report.summary import PairedTest as PairedTest
from neuroswitch.report.summary import RankingFacts as RankingFacts
from neuroswitch.report.summary import Shared as Shared
from neuroswitch.report.summary import Summary as Summary
from neuroswitch.report.summary import TopNeuron as TopNeuron
from neuroswitch.report.view import write as write
from neuroswitch.report.words import between as between
from neuroswitch.report.words import p_value as p_value
from neuroswitch.report.words import percent as percent
