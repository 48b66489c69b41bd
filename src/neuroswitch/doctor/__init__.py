"""Check whether a model can be used, and estimate what a run needs, before anything heavy runs."""

from neuroswitch.doctor.diagnosis import Diagnosis as Diagnosis
from neuroswitch.doctor.diagnosis import lines as lines
from neuroswitch.doctor.examination import diagnose as diagnose
