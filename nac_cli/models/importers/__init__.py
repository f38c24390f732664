"""Official checkpoints of the published codecs, read into our models."""
