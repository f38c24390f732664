"""MP3 by LAME."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nac_cli.bench.peers import ffmpeg

SAMPLE_RATES = (8000, 11_025, 16_000, 22_050, 32_000, 44_100)
BITS_PER_SAMPLE = (0.45, 1.6)
"""Sample rates at which a target leaves each sample this many bits are worth a try: more waste bandwidth,
fewer waste bits on it."""
BIT_RATES = (8000, 320_000)
NO_TAGS = {"id3v2_version": "0", "fflags": "+bitexact"}


@dataclass(frozen=True)
class Mp3Setting:
    """Average bitrate (ABR) at a sample rate of one's choice, best quality of search. Below 32 kHz files get
    down to 8 kbit/s, at and above to 32. The sound comes back in place, since the file's info frame states
    LAME's delay."""

    sample_rate: int

    def __str__(self) -> str:
        return f"abr {self.sample_rate / 1000:g} kHz"

    def limits(self, channels: int) -> tuple[int, int]:
        return BIT_RATES

    def encode(self, audio: np.ndarray, bitrate: int) -> bytes:
        options = {"abr": "1", "compression_level": "0"}
        return ffmpeg.encode(audio, self.sample_rate, "libmp3lame", "mp3", bitrate, options, NO_TAGS)

    def decode(self, file: bytes, channels: int) -> np.ndarray:
        return ffmpeg.decode(file, channels)


def mp3_settings(target: float, channels: int) -> Sequence[Mp3Setting]:
    return [Mp3Setting(rate) for rate in worth_a_try(max(target, BIT_RATES[0]) / channels, SAMPLE_RATES)]


def worth_a_try(bitrate: float, sample_rates: Sequence[int]) -> list[int]:
    """Those of `sample_rates` that suit a bitrate (bit/s) of one channel, the nearest if none does."""
    low, high = BITS_PER_SAMPLE
    suited = [rate for rate in sample_rates if low <= bitrate / rate <= high]
    return suited or [min(sample_rates, key=lambda rate: abs(np.log(bitrate / rate)))]
