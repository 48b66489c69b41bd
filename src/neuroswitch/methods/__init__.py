"""What changes a model while a `with` block is open: CNA and its rivals, one method a file.

Importing the package registers all of them; what a method needs beyond the core is imported when used.
"""

from neuroswitch.methods import caa as caa
from neuroswitch.methods import caa_paper as caa_paper
from neuroswitch.methods import direction as direction
from neuroswitch.methods import prompt as prompt
from neuroswitch.methods import sae as sae
from neuroswitch.methods.base import METHODS as METHODS
from neuroswitch.methods.base import Fitted as Fitted
from neuroswitch.methods.base import Task as Task
from neuroswitch.methods.base import get_method as get_method
from neuroswitch.methods.cna import FittedCircuit as FittedCircuit
from neuroswitch.methods.cna import Scaling as Scaling
from neuroswitch.methods.cna import scaled as scaled
