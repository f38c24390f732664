"""Sounds at one loudness, so that none is preferred for being louder."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BLOCK_SECONDS = 0.4
"""The least that BS.1770 measures."""


def loudness(samples: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of `[C, T]` in LUFS (ITU-R BS.1770-4); of a sound under 0.4 s its mean power in dB,
    which serves to compare. Minus infinity for silence."""
    import pyloudnorm

    if samples.shape[1] < BLOCK_SECONDS * sample_rate:
        power = float(np.square(samples).mean()) if samples.size else 0.0
        return 10 * math.log10(power) if power else -math.inf
    return float(pyloudnorm.Meter(sample_rate).integrated_loudness(samples.T.astype(float)))


def match(reference: np.ndarray, others: Sequence[np.ndarray], sample_rate: int) -> list[np.ndarray]:
    """The reference and the others, all as loud as the reference; all softer by the same amount where one
    would clip. What is silent stays as it is."""
    wanted = loudness(reference, sample_rate)
    matched = [reference]
    for samples in others:
        gap = wanted - loudness(samples, sample_rate)
        matched.append(samples * 10 ** (gap / 20) if math.isfinite(gap) else samples)
    peak = max(float(np.abs(samples).max()) for samples in matched)
    return [samples / max(peak, 1.0) for samples in matched]
