"""Writing sound to a file or a pipe, block by block."""

from __future__ import annotations

import os
import warnings
from typing import BinaryIO

import numpy as np

from nac_cli.audio.decoder import Warn
from nac_cli.audio.formats import WRITES
from nac_cli.audio.pcm import Quantizer
from nac_cli.audio.sinks import SndfileSink, WavSink
from nac_cli.audio.tags.vorbis import with_speakers
from nac_cli.audio.target import Target
from nac_cli.errors import AudioError, UsageError
from nac_cli.speakers import alike, said_of, usual
from nac_cli.values import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Tags

VORBIS_QUALITY = 0.6
"""About 192 kbit/s for stereo at 44.1 kHz: the codec in front of it loses more."""


def create_audio(
    target: str | os.PathLike | BinaryIO,
    sample_rate: int,
    channels: int,
    format: str = "wav",
    bits: int = 16,
    num_samples: int | None = None,
    *,
    dither: bool = True,
    quality: float = VORBIS_QUALITY,
    tags: Tags | None = None,
    speakers: int | None = None,
    warn: Warn = warnings.warn,
) -> AudioWriter:
    """Begin a sound file at a path (it is overwritten: give a temporary one), or on a binary file object.

    - `format`: "wav" (RF64 from 4 GiB on), "flac", or "ogg" (Vorbis of `quality` 0..1).
    - `bits`: 16, 24 or 32; 32 is float32, for WAV only, and keeps values beyond full scale. "ogg" ignores it.
    - `num_samples`: the length, if it is known: a WAV header on a pipe can say it only at the beginning.
    - `dither`: add triangular noise when rounding to 16 bits.
    - `tags`: written when the file is complete; a WAV file on a pipe gets none, and `warn` is told.
    - `speakers`: the mask of the channels' speakers (`nac_cli.speakers`), None for the usual ones. Ogg Vorbis has the
      usual ones only: `warn` is told where that moves a channel.

    A file object is written from front to back: FLAC and Ogg wait in a temporary file for their end.
    Raises `UsageError` for a format or width that does not exist, `AudioError` if the file cannot be written.
    """
    _check(sample_rate, channels, format, bits, quality)
    opened = Target(target, spool=format != "wav")
    try:
        with opened.faults():
            sink: WavSink | SndfileSink
            if format == "wav":
                sink = WavSink(opened.file, sample_rate, channels, bits, num_samples, opened.pipe, speakers)
            else:
                sink = SndfileSink(opened.file, sample_rate, channels, format, bits, quality)
    except AudioError:
        opened.discard()
        raise
    if format == "flac" and speakers is not None:
        tags = with_speakers(tags or Tags(), speakers)
    if format == "ogg" and speakers is not None and not alike(speakers, channels):
        wanted, taken = said_of(speakers, channels), said_of(usual(channels), channels)
        warn(f"Ogg Vorbis cannot say that its channels are for {wanted}: players take them for {taken}")
    if tags and format == "wav" and opened.pipe:
        warn("a WAV file on a pipe cannot carry tags: they are left out")
        tags = None
    floats = format == "ogg" or bits == 32
    quantizer = None if floats else Quantizer(bits, dither and bits == 16)
    return AudioWriter(opened, sink, quantizer, channels, tags, warn)


class AudioWriter:
    """A sound file in the making. A context manager: leaving it without an exception completes the file."""

    def __init__(
        self,
        target: Target,
        sink: WavSink | SndfileSink,
        quantizer: Quantizer | None,
        channels: int,
        tags: Tags | None,
        warn: Warn,
    ):
        self._target, self._sink, self._quantizer = target, sink, quantizer
        self._channels, self._tags, self._warn = channels, tags, warn
        self._open = True
        self.num_samples = 0
        """Samples per channel written so far."""

    @property
    def clipped(self) -> int:
        """Samples so far that lay beyond full scale and were clipped (always 0 for floats and Vorbis)."""
        return self._quantizer.clipped if self._quantizer else 0

    def write(self, block: np.ndarray) -> None:
        """Append a float32 block `[C, T]`, full scale 1.0. Raises `AudioError` if that fails (disk full)."""
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise ValueError(f"a block [{self._channels}, T] is expected, not {list(block.shape)}")
        if self._quantizer:
            samples = self._quantizer.quantize(block)
        else:
            samples = np.ascontiguousarray(block.T, dtype=np.float32)
        with self._target.faults():
            self._sink.write(samples)
        self.num_samples += samples.shape[0]

    def close(self) -> None:
        """Complete the file: header, tags, the end of a pipe. Raises `AudioError` if that fails."""
        if not self._open:
            return
        self._open = False
        try:
            with self._target.faults():
                self._sink.finish()
                if self._tags:
                    from nac_cli.audio.tags.sound_files import write_tags

                    write_tags(self._target.file, self._tags, self._warn)
            self._target.deliver()
        except BaseException:
            self._target.discard()
            raise

    def abort(self) -> None:
        """Close what is open without completing it; the caller removes the file."""
        if self._open:
            self._open = False
            self._sink.abort()
            self._target.discard()

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _check(sample_rate: int, channels: int, format: str, bits: int, quality: float) -> None:
    if format not in WRITES:
        raise UsageError(f"nac does not write {format!r}: choose one of {', '.join(WRITES)}")
    if WRITES[format] and bits not in WRITES[format]:
        widths = " or ".join(map(str, WRITES[format]))
        raise UsageError(f"{format.upper()} is written with {widths} bits, not {bits}")
    if not 0 <= quality <= 1:
        raise UsageError(f"the quality of Ogg Vorbis lies in 0..1, not {quality}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise UsageError(f"1 to {MAX_CHANNELS} channels can be written, not {channels}")
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        allowed = f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz"
        raise UsageError(f"sample rates of {allowed} can be written, not {sample_rate}")
