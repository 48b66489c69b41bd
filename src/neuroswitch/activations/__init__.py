"""Read and change what a model computes."""

from neuroswitch.activations.changes import Intervention as Intervention
from neuroswitch.activations.changes import added as added
from neuroswitch.activations.changes import changed_outputs as changed_outputs
from neuroswitch.activations.changes import layer_paths as layer_paths
from neuroswitch.activations.changes import projected_out as projected_out
from neuroswitch.activations.changes import scaled_neurons as scaled_neurons
from neuroswitch.activations.gradients import Objective as Objective
from neuroswitch.activations.gradients import (
    differentiable_log_probabilities as differentiable_log_probabilities,
)
from neuroswitch.activations.gradients import neuron_gradients as neuron_gradients
from neuroswitch.activations.output import divergence as divergence
from neuroswitch.activations.output import log_probability_gradient as log_probability_gradient
from neuroswitch.activations.output import next_token_log_probabilities as next_token_log_probabilities
from neuroswitch.activations.output import norm_gain as norm_gain
from neuroswitch.activations.output import output_columns as output_columns
from neuroswitch.activations.pins import anchored_neurons as anchored_neurons
from neuroswitch.activations.pins import pinned_neurons as pinned_neurons
from neuroswitch.activations.reading import Activations as Activations
from neuroswitch.activations.reading import capturing as capturing
from neuroswitch.activations.reading import read_last_token as read_last_token
from neuroswitch.activations.reading import read_neurons as read_neurons
from neuroswitch.activations.reading import read_outputs as read_outputs
from neuroswitch.activations.reading import read_tokens as read_tokens
from neuroswitch.activations.reading import weighted_by_router as weighted_by_router
from neuroswitch.activations.sketches import DIRECTIONS as DIRECTIONS
from neuroswitch.activations.sketches import WeightPrecision as WeightPrecision
from neuroswitch.activations.sketches import precision_of as precision_of
from neuroswitch.activations.sketches import sketch_neurons as sketch_neurons
from neuroswitch.activations.trial import check_reading_and_scaling as check_reading_and_scaling
