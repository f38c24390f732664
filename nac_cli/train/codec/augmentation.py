"""Random changes of an excerpt before it is encoded: mixing, bandwidth, phase. Its level is changed by `level`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

NARROW_RATES = (16_000, 22_050, 24_000, 32_000)


@dataclass(frozen=True)
class Augmentation:
    """How often an excerpt is changed: `mix` with a second, quieter one; `narrow`ed in band by resampling; turned in
    `phase` by one random angle at all frequencies. The level, the polarity and, for models of one channel, the choice
    of left, right, mid or side are always random."""

    mix: float = 0.1
    narrow: float = 0.05
    phase: float = 0.3


def narrowed(excerpt: np.ndarray, sample_rate: int, rate: int) -> np.ndarray:
    """`[..., T]` as if recorded at `rate` Hz."""
    if rate >= sample_rate:
        return excerpt
    if excerpt.ndim > 1:
        return np.stack([narrowed(channel, sample_rate, rate) for channel in excerpt])
    there_and_back = soxr.resample(soxr.resample(excerpt, sample_rate, rate), rate, sample_rate)
    result = np.zeros_like(excerpt)
    result[: len(there_and_back)] = there_and_back[: len(excerpt)]
    return result


def turned(excerpt: np.ndarray, angle: float) -> np.ndarray:
    """`[..., T]` with every frequency's phase turned by `angle` radians. Sounds alike, and is another waveform to
    predict."""
    spectrum = np.fft.rfft(excerpt)
    return np.fft.irfft(spectrum * np.exp(1j * angle), excerpt.shape[-1]).astype(np.float32)
