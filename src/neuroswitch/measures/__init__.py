"""What an intervention changes and what it costs, one measure a file.

A new measure is one file that registers a `MeasureInfo` with a function, and one line here.
"""

from neuroswitch.measures import behaviour as behaviour
from neuroswitch.measures import kl as kl
from neuroswitch.measures import mmlu as mmlu
from neuroswitch.measures import mmlu_cot as mmlu_cot
from neuroswitch.measures import perplexity as perplexity
from neuroswitch.measures import quality as quality
from neuroswitch.measures import routing as routing
from neuroswitch.measures.api import answer_row as answer_row
from neuroswitch.measures.api import damage as damage
from neuroswitch.measures.api import measure as measure
from neuroswitch.measures.base import MEASURES as MEASURES
from neuroswitch.measures.base import AnswerMeasure as AnswerMeasure
from neuroswitch.measures.base import Bench as Bench
from neuroswitch.measures.base import Condition as Condition
from neuroswitch.measures.base import ExamQuestions as ExamQuestions
from neuroswitch.measures.base import MeasureLog as MeasureLog
from neuroswitch.measures.base import ModelMeasure as ModelMeasure
from neuroswitch.measures.base import aggregated as aggregated
from neuroswitch.measures.base import answer_values as answer_values
from neuroswitch.measures.base import register as register
from neuroswitch.measures.behaviour import read_xstest as read_xstest
from neuroswitch.measures.judge import judge as judge
from neuroswitch.measures.mmlu import read_mmlu as read_mmlu
from neuroswitch.measures.mmlu_cot import read_written as read_written
from neuroswitch.measures.preflight import check_baseline as check_baseline
from neuroswitch.measures.preflight import compare_with_judge as compare_with_judge
from neuroswitch.measures.preflight import rate_by_length as rate_by_length
