"""How sure a number is: intervals, tests, agreement."""

from neuroswitch.statistics.agreement import Agreement as Agreement
from neuroswitch.statistics.agreement import agreement as agreement
from neuroswitch.statistics.estimates import mean as mean
from neuroswitch.statistics.estimates import proportion as proportion
from neuroswitch.statistics.intervals import Stratum as Stratum
from neuroswitch.statistics.intervals import discordant as discordant
from neuroswitch.statistics.intervals import holm as holm
from neuroswitch.statistics.intervals import mcnemar as mcnemar
from neuroswitch.statistics.intervals import overlap as overlap
from neuroswitch.statistics.intervals import paired_bootstrap as paired_bootstrap
from neuroswitch.statistics.types import UNJUDGED as UNJUDGED
from neuroswitch.statistics.types import Measurement as Measurement
from neuroswitch.statistics.types import Rate as Rate
