"""Checkpoints as files: one tensor or one layer at a time."""

from neuroswitch.checkpoints.checkpoint import CheckpointFiles as CheckpointFiles
from neuroswitch.checkpoints.checkpoint import StoredTensor as StoredTensor
from neuroswitch.checkpoints.checkpoint import checkpoint_of as checkpoint_of
from neuroswitch.checkpoints.replay import LayerOutput as LayerOutput
from neuroswitch.checkpoints.streamed import Stream as Stream
from neuroswitch.checkpoints.streamed import StreamedModel as StreamedModel
from neuroswitch.checkpoints.streamed import open_streamed as open_streamed
from neuroswitch.checkpoints.streamed import reading_weights as reading_weights
from neuroswitch.checkpoints.streamed import streaming as streaming
