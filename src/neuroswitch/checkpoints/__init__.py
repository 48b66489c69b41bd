"""Checkpoints as files: one tensor or one layer at a time."""

from neuroswitch.checkpoints.checkpoint import Checkpoint as Checkpoint
from neuroswitch.checkpoints.checkpoint import Place as Place
from neuroswitch.checkpoints.checkpoint import checkpoint_of as checkpoint_of
from neuroswitch.checkpoints.replay import Handed as Handed
from neuroswitch.checkpoints.streamed import Stream as Stream
from neuroswitch.checkpoints.streamed import StreamedModel as StreamedModel
from neuroswitch.checkpoints.streamed import open_streamed as open_streamed
from neuroswitch.checkpoints.streamed import reading_weights as reading_weights
from neuroswitch.checkpoints.streamed import streaming as streaming
