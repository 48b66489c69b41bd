"""Read and change what a model computes, while a block is open."""

from neuroswitch.activations.capture import LastToken as LastToken
from neuroswitch.activations.capture import capturing as capturing
from neuroswitch.activations.columns import columns as columns
from neuroswitch.activations.intervention import Intervention as Intervention
from neuroswitch.activations.output import log_probability_gradient as log_probability_gradient
from neuroswitch.activations.output import next_token_log_probabilities as next_token_log_probabilities
from neuroswitch.activations.output import next_token_probabilities as next_token_probabilities
from neuroswitch.activations.output import norm_gain as norm_gain
from neuroswitch.activations.reading import read_last_token as read_last_token
from neuroswitch.activations.reading import read_neurons as read_neurons
from neuroswitch.activations.reading import read_tokens as read_tokens
from neuroswitch.activations.reading import weighted_by_router as weighted_by_router
from neuroswitch.activations.residual import added as added
from neuroswitch.activations.residual import changed_outputs as changed_outputs
from neuroswitch.activations.residual import layer_paths as layer_paths
from neuroswitch.activations.residual import projected_out as projected_out
from neuroswitch.activations.residual import read_outputs as read_outputs
from neuroswitch.activations.scaling import scaled_neurons as scaled_neurons
from neuroswitch.activations.sketches import DIRECTIONS as DIRECTIONS
from neuroswitch.activations.sketches import Texture as Texture
from neuroswitch.activations.sketches import sketch as sketch
from neuroswitch.activations.sketches import texture as texture
from neuroswitch.activations.trial import try_out as try_out
