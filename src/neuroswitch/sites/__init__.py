"""Where the neurons of a model are: found by name and shape, proven by a forward pass, on one flat axis."""

from neuroswitch.sites.experts import Experts as Experts
from neuroswitch.sites.experts import Routing as Routing
from neuroswitch.sites.experts import experts_at as experts_at
from neuroswitch.sites.experts import experts_of as experts_of
from neuroswitch.sites.finding import SiteMap as SiteMap
from neuroswitch.sites.finding import find_sites as find_sites
from neuroswitch.sites.layers import decoder_of as decoder_of
from neuroswitch.sites.layers import refuse_encoder as refuse_encoder
from neuroswitch.sites.layers import stream_width as stream_width
from neuroswitch.sites.layers import token_embedding as token_embedding
from neuroswitch.sites.layout import Neuron as Neuron
from neuroswitch.sites.layout import NeuronLayout as NeuronLayout
from neuroswitch.sites.layout import Site as Site
from neuroswitch.sites.linear import is_linear as is_linear
from neuroswitch.sites.linear import plain_weight as plain_weight
from neuroswitch.sites.linear import resident as resident
from neuroswitch.sites.linear import sizes as sizes
from neuroswitch.sites.names import FINAL_NORMS as FINAL_NORMS
from neuroswitch.sites.names import OTHER_NORMS as OTHER_NORMS
from neuroswitch.sites.names import SEES_PADDING as SEES_PADDING
from neuroswitch.sites.probe import probe as probe
from neuroswitch.sites.sharding import gathered as gathered
from neuroswitch.sites.sharding import local as local
from neuroswitch.sites.sharding import own_share as own_share
from neuroswitch.sites.sharding import summed as summed
