"""How sure a number is: intervals, tests, agreement; pairing and seeds are respected."""

from neuroswitch.statistics.agreement import Agreement as Agreement
from neuroswitch.statistics.agreement import agreement as agreement
from neuroswitch.statistics.estimates import mean as mean
from neuroswitch.statistics.estimates import proportion as proportion
from neuroswitch.statistics.intervals import Stratum as Stratum
from neuroswitch.statistics.intervals import holm as holm
from neuroswitch.statistics.intervals import overlap as overlap
from neuroswitch.statistics.paired import Values as Values
from neuroswitch.statistics.paired import exp_of as exp_of
from neuroswitch.statistics.paired import mean_of as mean_of
from neuroswitch.statistics.paired import paired_change as paired_change
from neuroswitch.statistics.paired import paired_test as paired_test
from neuroswitch.statistics.paired import rate_of as rate_of
from neuroswitch.statistics.types import Measurement as Measurement
