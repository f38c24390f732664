"""Whole libraries of sound files: planned, journalled, compressed by many workers, verified, restored."""
