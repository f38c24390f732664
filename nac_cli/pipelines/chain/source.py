"""The sound to compress, from a file, an open file or samples in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from nac_cli.audio import SampleDigest, Sanitizer, open_audio, open_source, read_tags
from nac_cli.pipelines.progress import Progress
from nac_cli.values import Tags, Waveform

BLOCK_SAMPLES = 1 << 16
"""Samples of a channel that are read at once."""


@dataclass(frozen=True)
class Sound:
    """An open input: `blocks` yields its samples float32 `[C, T]` once, in order; `seconds` is None where the length
    is not known beforehand, `source_bits` 0 where the width of a sample is not."""

    sample_rate: int
    channels: int
    source_bits: int
    seconds: float | None
    blocks: Iterator[np.ndarray]
    tags: Tags


@contextmanager
def open_sound(
    source: str | os.PathLike | BinaryIO | Waveform, warn: Callable[[str], None], tags: bool = True
) -> Iterator[Sound]:
    """The sound of `source`, with its tags if they are wanted. Raises AudioError."""
    if isinstance(source, Waveform):
        yield Sound(source.sample_rate, source.channels, 0, source.duration, _cut(source.samples), Tags())
        return
    origin = open_source(source)
    try:
        kept = read_tags(origin, warn) if tags else Tags()
        with open_audio(origin, warn) as reader:
            blocks = reader.blocks(BLOCK_SAMPLES)
            yield Sound(reader.sample_rate, reader.channels, reader.source_bits, reader.seconds, blocks, kept)
    finally:
        origin.close()


class Meter:
    """Passes the blocks of a sound on, free of NaN and infinity, counts their samples and tells how far it is.

    `digest` is that of the samples read so far, where it was asked for.
    """

    def __init__(self, sound: Sound, progress: Progress, digest: bool = False):
        self.sanitizer, self.num_samples = Sanitizer(), 0
        self.digest = SampleDigest(sound.source_bits) if digest else None
        self._sound, self._progress = sound, progress

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks float32 `[C, T]` in order."""
        for block in self._sound.blocks:
            self.num_samples += block.shape[1]
            if self.digest is not None:
                self.digest.push(block)
            yield self.sanitizer.push(block)
            self._progress(self.num_samples / self._sound.sample_rate, self._sound.seconds)


def _cut(samples: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, samples.shape[1], BLOCK_SAMPLES):
        yield samples[:, start : start + BLOCK_SAMPLES].astype(np.float32)
