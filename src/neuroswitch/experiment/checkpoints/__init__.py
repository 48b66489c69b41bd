"""`neuroswitch compare-models`: where a behaviour is in two checkpoints of one shape."""
