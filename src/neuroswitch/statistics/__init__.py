"""Numbers with their uncertainty: intervals, paired statistics, tests, agreement of raters."""

from neuroswitch.statistics.agreement import Agreement as Agreement
from neuroswitch.statistics.agreement import agreement as agreement
from neuroswitch.statistics.curves import Curve as Curve
from neuroswitch.statistics.curves import Sampled as Sampled
from neuroswitch.statistics.curves import mean_rate as mean_rate
from neuroswitch.statistics.curves import rate_at as rate_at
from neuroswitch.statistics.curves import rate_curves as rate_curves
from neuroswitch.statistics.curves import rate_difference as rate_difference
from neuroswitch.statistics.measurement import Interval as Interval
from neuroswitch.statistics.measurement import Measurement as Measurement
from neuroswitch.statistics.measurement import bootstrap as bootstrap
from neuroswitch.statistics.measurement import mean as mean
from neuroswitch.statistics.measurement import proportion as proportion
from neuroswitch.statistics.measurement import wilson as wilson
from neuroswitch.statistics.paired import Values as Values
from neuroswitch.statistics.paired import exp_of as exp_of
from neuroswitch.statistics.paired import mean_of as mean_of
from neuroswitch.statistics.paired import paired_change as paired_change
from neuroswitch.statistics.paired import paired_test as paired_test
from neuroswitch.statistics.paired import rate_of as rate_of
from neuroswitch.statistics.significance import Stratum as Stratum
from neuroswitch.statistics.significance import expected_overlap as expected_overlap
from neuroswitch.statistics.significance import holm as holm
from neuroswitch.statistics.significance import mcnemar as mcnemar
from neuroswitch.statistics.significance import overlap as overlap
