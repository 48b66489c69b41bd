"""One experiment: models x conditions x piles of prompts -> rows -> summary -> page, in a resumable folder."""

from neuroswitch.experiment.behaviour import Behaviour as Behaviour
from neuroswitch.experiment.behaviour import find_behaviour as find_behaviour
from neuroswitch.experiment.claiming import claimed_discovery as claimed_discovery
from neuroswitch.experiment.engine import run_experiment as run_experiment
from neuroswitch.experiment.judging import Judging as Judging
from neuroswitch.experiment.settings import ExperimentSettings as ExperimentSettings
from neuroswitch.experiment.settings import compare_settings as compare_settings
from neuroswitch.experiment.settings import evaluate_settings as evaluate_settings
from neuroswitch.experiment.settings import models_settings as models_settings
from neuroswitch.experiment.settings import run_settings as run_settings
from neuroswitch.experiment.summarising import finish_report as finish_report
from neuroswitch.options import CircuitChoice as CircuitChoice
from neuroswitch.options import ControlChoice as ControlChoice
from neuroswitch.options import ExamChoice as ExamChoice
from neuroswitch.options import MatchChoice as MatchChoice
from neuroswitch.options import PromptChoice as PromptChoice
from neuroswitch.options import SafePromptChoice as SafePromptChoice
