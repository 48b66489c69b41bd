"""Batches: which rows share one, how they are padded, what they all begin with, and the loop over them."""

from neuroswitch.batching.batches import fitting_batch as fitting_batch
from neuroswitch.batching.batches import in_batches as in_batches
from neuroswitch.batching.batches import in_halves as in_halves
from neuroswitch.batching.batches import is_out_of_memory as is_out_of_memory
from neuroswitch.batching.batches import plan_batches as plan_batches
from neuroswitch.batching.lengths import compatible as compatible
from neuroswitch.batching.lengths import position_limit as position_limit
from neuroswitch.batching.lengths import require_positions as require_positions
from neuroswitch.batching.lengths import rope_parameters as rope_parameters
from neuroswitch.batching.padding import padded as padded
from neuroswitch.batching.padding import padding_effect as padding_effect
from neuroswitch.batching.plain import plain_generation as plain_generation
from neuroswitch.batching.plain import text_only as text_only
from neuroswitch.batching.prefix import NO_PREFIX as NO_PREFIX
from neuroswitch.batching.prefix import Prefix as Prefix
from neuroswitch.batching.prefix import compute_prefix as compute_prefix
from neuroswitch.batching.prefix import prefix_with_graph as prefix_with_graph
from neuroswitch.batching.prefix import returns_cache as returns_cache
