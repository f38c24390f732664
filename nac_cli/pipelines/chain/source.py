"""The sound to compress, from a file, an open file or samples in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import BinaryIO

import numpy as np

from nac_cli.audio import SampleDigest, Sanitizer, open_audio, open_source, read_tags
from nac_cli.container import fitting_tags
from nac_cli.errors import UsageError
from nac_cli.pipelines.progress import Progress
from nac_cli.speakers import fitting_mask
from nac_cli.values import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Tags, Waveform

BLOCK_SAMPLES = 1 << 16
"""Samples of a channel that are read at once."""


@dataclass(frozen=True)
class Sound:
    """An open input: `blocks` yields its samples float32 `[C, T]` once, in order; `seconds` is None where the length
    is not known beforehand, `source_bits` 0 where the width of a sample is not. `tags` are such that a stream can hold
    them, and so is the mask of `speakers`, None for the usual ones."""

    sample_rate: int
    channels: int
    source_bits: int
    seconds: float | None
    blocks: Iterator[np.ndarray]
    tags: Tags
    speakers: int | None = None


@contextmanager
def open_sound(
    source: str | os.PathLike | BinaryIO | Waveform, warn: Callable[[str], None], tags: bool = True
) -> Iterator[Sound]:
    """The sound of `source`, with its tags if they are wanted. Raises AudioError, UsageError for a `Waveform` that is
    none."""
    if isinstance(source, Waveform):
        check_waveform(source)
        speakers = fitting_mask(source.speakers, source.channels)
        blocks = _cut(source.samples)
        yield Sound(int(source.sample_rate), source.channels, 0, source.duration, blocks, Tags(), speakers)
        return
    origin = open_source(source)
    try:
        kept = fitting_tags(read_tags(origin, warn), warn) if tags else Tags()
        with open_audio(origin, warn) as reader:
            blocks = reader.blocks(BLOCK_SAMPLES)
            shape = reader.sample_rate, reader.channels, reader.source_bits, reader.seconds
            yield Sound(*shape, blocks, kept, reader.speakers)
    finally:
        origin.close()


def check_waveform(wave: Waveform) -> None:
    """Raises UsageError unless `wave` holds floats `[C, T]` of 1 to 8 channels at a rate that nac takes."""
    samples, rate = wave.samples, wave.sample_rate
    if not isinstance(samples, np.ndarray) or samples.ndim != 2:
        shape = f"{type(samples).__name__} of shape {list(np.shape(samples))}" if np.ndim(samples) else repr(samples)
        raise UsageError(f"a Waveform's samples are an array [channels, samples], not {shape}")
    if samples.dtype.kind != "f":
        advice = "; divide integers by their full scale (32768 for 16 bits)" if samples.dtype.kind in "iu" else ""
        raise UsageError(f"a Waveform's samples are floats within -1 to 1, not {samples.dtype}{advice}")
    if not 1 <= len(samples) <= MAX_CHANNELS:
        turned = "; they may be turned round: [channels, samples] is meant" if samples.shape[1] <= MAX_CHANNELS else ""
        raise UsageError(f"a Waveform has 1 to {MAX_CHANNELS} channels, not {len(samples)}{turned}")
    if isinstance(rate, bool) or not isinstance(rate, Real) or rate != rate or rate in (float("inf"), float("-inf")):
        raise UsageError(f"a Waveform's sample rate is a number of Hz, not {rate!r}")
    if rate != int(rate) or not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        raise UsageError(
            f"a Waveform's sample rate is a whole number of {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz, not {rate}"
        )
    if wave.speakers is not None and not isinstance(wave.speakers, Integral):
        raise UsageError(f"a Waveform's speakers are a mask of bits, not {wave.speakers!r}")


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
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, of which the reader tells
            block = samples[:, start : start + BLOCK_SAMPLES].astype(np.float32)
        yield block
