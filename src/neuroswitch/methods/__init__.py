"""Methods that change a model while a `with` block is open: CNA and those it is compared with.

Importing the package registers them; optional libraries are imported when a method needs them.
"""

from neuroswitch.methods import caa as caa
from neuroswitch.methods import direction as direction
from neuroswitch.methods import doses as doses
from neuroswitch.methods import gate as gate
from neuroswitch.methods import learned as learned
from neuroswitch.methods import pinned as pinned
from neuroswitch.methods import prompt as prompt
from neuroswitch.methods import sae as sae
from neuroswitch.methods import stable as stable
from neuroswitch.methods.base import METHODS as METHODS
from neuroswitch.methods.base import ChangesModel as ChangesModel
from neuroswitch.methods.base import Fitted as Fitted
from neuroswitch.methods.base import Known as Known
from neuroswitch.methods.base import Method as Method
from neuroswitch.methods.base import Task as Task
from neuroswitch.methods.base import curve_of as curve_of
from neuroswitch.methods.base import get_method as get_method
from neuroswitch.methods.cna import FittedCircuit as FittedCircuit
from neuroswitch.methods.cna import Scaling as Scaling
from neuroswitch.methods.cna import largest_circuit as largest_circuit
from neuroswitch.methods.cna import scaled as scaled
