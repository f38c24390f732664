"""AAC (LC) by FFmpeg's encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nac_cli.bench.peers import ffmpeg
from nac_cli.bench.peers.mp3 import worth_a_try

SAMPLE_RATES = (8000, 11_025, 16_000, 22_050, 32_000, 44_100)
BIT_RATES = (1000, 250_000)
"""bit/s of one channel."""
DELAY = 1024
"""Samples of silence at the start, which a bare stream (ADTS) does not tell of."""


@dataclass(frozen=True)
class AacSetting:
    """A sample rate of one's choice, in a bare stream, which for short clips is smaller than MP4. The encoder
    does not get below 7 to 9 kbit/s at low sample rates, 17 at 44.1 kHz."""

    sample_rate: int

    def __str__(self) -> str:
        return f"lc {self.sample_rate / 1000:g} kHz"

    def limits(self, channels: int) -> tuple[int, int]:
        return BIT_RATES[0] * channels, BIT_RATES[1] * channels

    def encode(self, audio: np.ndarray, bitrate: int) -> bytes:
        options = {"aac_coder": "twoloop"}
        return ffmpeg.encode(audio, self.sample_rate, "aac", "adts", bitrate, options, {})

    def decode(self, file: bytes, channels: int) -> np.ndarray:
        return ffmpeg.decode(file, channels)[:, DELAY:]


def aac_settings(target: float, channels: int) -> Sequence[AacSetting]:
    return [AacSetting(rate) for rate in worth_a_try(target / channels, SAMPLE_RATES)]
