"""Compact encoding of a corpus' excerpts at a chosen bitrate."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from nac_cli.errors import UsageError
from nac_cli.train.corpus.prepare import SILENCE

OPUS_RATE = 48_000
OPUS_RANGE = 6_000, 256_000
"""bit/s a channel at libsndfile's compression levels 1 and 0, straight in between (its SFC_SET_COMPRESSION_LEVEL)."""
VORBIS_BITRATES = (32_000, 40_000, 48_000, 56_000, 64_000, 80_000, 96_000, 112_000, 128_000, 160_000, 250_000)
"""bit/s a channel at Vorbis' qualities 0 to 10, 44.1 kHz stereo (libvorbis, modes/setup_44.h)."""
BLOCK = 1 << 16
"""Frames a call: libsndfile's Vorbis encoder takes its stack from a call's length."""


@dataclass(frozen=True)
class Encoding:
    """`codec`: opus, vorbis or flac; `bitrate`: nominal bit/s of one channel, None for flac. Raises UsageError."""

    codec: str
    bitrate: int | None

    def __post_init__(self) -> None:
        ranges = {"opus": OPUS_RANGE, "vorbis": (VORBIS_BITRATES[0], VORBIS_BITRATES[-1]), "flac": None}
        if self.codec not in ranges:
            raise UsageError(f"{self.codec}: shards hold {', '.join(ranges)}")
        if (limits := ranges[self.codec]) is None:
            if self.bitrate is not None:
                raise UsageError("flac is lossless and takes no bitrate")
        elif self.bitrate is None or not limits[0] <= self.bitrate <= limits[1]:
            low, high = (limit // 1000 for limit in limits)
            raise UsageError(f"{self.codec} takes {low} to {high} kbit/s a channel")

    @property
    def suffix(self) -> str:
        return {"opus": ".opus", "vorbis": ".ogg", "flac": ".flac"}[self.codec]

    def encode(self, path: Path, start: int, frames: int) -> bytes | None:
        """The encoded frames [start, start + frames) of a WAV file; None if they are silent."""
        samples, rate = soundfile.read(path, frames, start, dtype="float32", always_2d=True)
        if not len(samples) or np.abs(samples).max() < SILENCE:
            return None
        if self.codec == "opus":
            samples, rate = soxr.resample(samples, rate, OPUS_RATE), OPUS_RATE
        name, subtype, level = self._parameters()
        file = io.BytesIO()
        with soundfile.SoundFile(
            file, "w", rate, samples.shape[1], subtype, format=name, compression_level=level
        ) as sound:
            for first in range(0, len(samples), BLOCK):
                sound.write(samples[first : first + BLOCK])
        return file.getvalue()

    def _parameters(self) -> tuple[str, str, float]:
        """libsndfile's format, subtype and compression level 0..1."""
        if self.bitrate is None:
            return "FLAC", "PCM_16", 0.625
        if self.codec == "opus":
            low, high = OPUS_RANGE
            return "OGG", "OPUS", (high - self.bitrate) / (high - low)
        quality = np.interp(self.bitrate, VORBIS_BITRATES, np.arange(len(VORBIS_BITRATES)) / 10)
        return "OGG", "VORBIS", 1 - float(quality)
