"""What the encoder takes levels to cost: a table by their surroundings, for rate-distortion optimised rounding."""

from __future__ import annotations

import numpy as np

from nac_cli.kernels.detail.fields import SYMBOLS, ZONES


def zones(superframe: int) -> np.ndarray:
    """int64 `[superframe]`: where each line of the longest block lies, its column in the table of costs. An octave each
    from line 2 on; the last has no end."""
    return np.minimum(np.ceil(np.log2(np.maximum(np.arange(superframe) // 2 + 1, 1))), ZONES - 1).astype(np.int64)


def cost_table(counts: np.ndarray) -> np.ndarray:
    """Bits `[16, 11, 18]`, signs included, from counts; where a zone has few, from the other zones of its activity."""
    prior = counts.sum(axis=1, keepdims=True) + 0.05 * 0.5 ** np.arange(SYMBOLS)
    smoothed = counts + 8 * prior / prior.sum(axis=2, keepdims=True)
    bits = -np.log2(smoothed / smoothed.sum(axis=2, keepdims=True))
    bits[:, :, 1:] += 1
    return bits
