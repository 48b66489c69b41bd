"""What an intervention changes and what it costs, one measure a file."""

from neuroswitch.measures.capability import Exam as Exam
from neuroswitch.measures.capability import examine as examine
from neuroswitch.measures.divergence import divergences as divergences
from neuroswitch.measures.forcing import Forced as Forced
from neuroswitch.measures.forcing import answer_logits as answer_logits
from neuroswitch.measures.forcing import batched as batched
from neuroswitch.measures.forcing import force as force
from neuroswitch.measures.mmlu import read_mmlu as read_mmlu
from neuroswitch.measures.over_refusal import read_xstest as read_xstest
from neuroswitch.measures.perplexity import nats_per_token as nats_per_token
from neuroswitch.measures.preflight import check_baseline as check_baseline
from neuroswitch.measures.preflight import compare_with_judge as compare_with_judge
from neuroswitch.measures.preflight import rate_by_length as rate_by_length
from neuroswitch.measures.routing import routing_change as routing_change
from neuroswitch.measures.summary import Rate as Rate
from neuroswitch.measures.summary import behaviour_rate as behaviour_rate
from neuroswitch.measures.summary import measure as measure
from neuroswitch.measures.summary import rate as rate
