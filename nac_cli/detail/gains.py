"""Energy kept where nothing is coded: how much louder than the base's the lines without a level ought to be."""

from __future__ import annotations

import numpy as np

from nac_cli.detail_layer import MOST_GAIN

SILENCE = 1e-7
"""Energy of a band that hardly counts, with the sound at about unit level."""


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
