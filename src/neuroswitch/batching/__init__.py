"""What may share a forward pass: lengths, padding, a shared beginning, memory."""

from neuroswitch.batching.lengths import compatible as compatible
from neuroswitch.batching.lengths import ropes as ropes
from neuroswitch.batching.memory import fitting_batch as fitting_batch
from neuroswitch.batching.memory import in_halves as in_halves
from neuroswitch.batching.padding import padded as padded
from neuroswitch.batching.padding import padding_of as padding_of
from neuroswitch.batching.plain import plain_generation as plain_generation
from neuroswitch.batching.plain import text_only as text_only
from neuroswitch.batching.prefix import NOTHING as NOTHING
from neuroswitch.batching.prefix import Prefix as Prefix
from neuroswitch.batching.prefix import caches as caches
from neuroswitch.batching.prefix import compute_prefix as compute_prefix
