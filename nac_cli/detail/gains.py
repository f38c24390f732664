"""Energy kept where nothing is coded: how much louder than the base's the lines without a level ought to be."""

from __future__ import annotations

import numpy as np

from nac_cli.compiling import compiled
from nac_cli.detail_layer import MOST_GAIN

SILENCE = 1e-7
"""Energy of a band that hardly counts, with the sound at about unit level."""


@compiled
def choose_gains(wanted, weights, costs, trade, gains):
    """Gains int64 `[superframes, N]` near the `wanted` ones (in steps): what a gain is off, squared and weighted, and
    `trade` times its bits cost least. `costs` `[9, 9, 9]`: bits by the gain before, the gain below and the gain
    itself."""
    superframes, bands = wanted.shape
    for t in range(superframes):
        for band in range(bands):
            before = gains[t - 1, band] if t else 0
            below = gains[t, band - 1] if band else 0
            best = 0
            least = 1e30
            if weights[t, band] > 0:
                for gain in range(-MOST_GAIN, MOST_GAIN + 1):
                    error = wanted[t, band] - gain
                    cost = weights[t, band] * error * error
                    cost += trade * costs[before + MOST_GAIN, below + MOST_GAIN, gain + MOST_GAIN]
                    if cost < least:
                        least = cost
                        best = gain
            gains[t, band] = best


def count_gains(gains: np.ndarray, empty: np.ndarray, counts: np.ndarray) -> None:
    """Add to `counts` `[9, 9, 9]` how often each gain was met, by the gain before and the one below."""
    padded = np.pad(gains, ((1, 0), (1, 0))) + MOST_GAIN
    here = empty > 0
    np.add.at(counts, (padded[:-1, 1:][here], padded[1:, :-1][here], padded[1:, 1:][here]), 1)


def cost_table(counts: np.ndarray) -> np.ndarray:
    """Bits `[9, 9, 9]` from counts."""
    prior = counts.sum(axis=(0, 1)) + 1.0
    smoothed = counts + 4 * prior / prior.sum()
    return -np.log2(smoothed / smoothed.sum(axis=2, keepdims=True))
