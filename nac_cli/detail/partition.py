"""Which blocks a superframe is cut into: those in which the same steps leave the least to code and to hear."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nac_cli.detail import mdct
from nac_cli.detail.bands import Blocks
from nac_cli.detail.envelope import log_steps
from nac_cli.detail.shapes import Shape
from nac_cli.detail_layer import HALVINGS

GUESS = 0.5
"""Share of the base in the prediction, before it is known."""
LEVEL_COST = 0.8
DOUBLING_COST = 0.2
"""Cost of coding a line, in squared steps: that much, and so much for every doubling of its size."""


def choose_sizes(
    sound: np.ndarray, base: np.ndarray, step: float, shape: Shape, superframe: int, sample_rate: int
) -> np.ndarray:
    """Block lengths int64 `[B]` for a padded `sound` and its `base`, both `[T]`, at a quantisation step.

    Every length is tried over the whole; the costs of a superframe's blocks are then compared pair by pair, from the
    shortest up (Coifman and Wickerhauser 1992). What slopes between unequal blocks change is neglected.
    """
    costs = [
        _costs(sound, base, superframe >> halvings, step, shape, superframe, sample_rate)
        for halvings in range(HALVINGS + 1)
    ]
    return _best(costs, superframe)


def _costs(sound, base, size, step, shape, superframe, sample_rate) -> np.ndarray:
    """`[superframes, blocks in each]`: a line costs its squared error or what coding it does, whichever is less."""
    sizes = np.full(len(sound) // size, size)
    of_base = mdct.forward(base, sizes)
    logs = log_steps(of_base, Blocks(sizes, superframe), shape, sample_rate)
    ratios = np.abs(mdct.forward(sound, sizes) - GUESS * of_base)
    ratios *= np.exp(-math.log(step) - logs)
    costs = np.minimum(ratios * ratios, LEVEL_COST + DOUBLING_COST * np.log2(np.maximum(ratios, 0.5)))
    return costs.reshape(len(sound) // superframe, -1, size).sum(axis=2)


def _best(costs: Sequence[np.ndarray], superframe: int) -> np.ndarray:
    """Join halves wherever the whole costs no more."""
    best = costs[HALVINGS]
    lengths = [[[superframe >> HALVINGS]] * best.shape[1] for _ in best]
    for halvings in range(HALVINGS - 1, -1, -1):
        halves = best.reshape(len(best), -1, 2).sum(axis=2)
        whole = costs[halvings] <= halves
        lengths = [
            [[superframe >> halvings] if joined else row[2 * i] + row[2 * i + 1] for i, joined in enumerate(flags)]
            for row, flags in zip(lengths, whole)
        ]
        best = np.minimum(costs[halvings], halves)
    return np.array([size for row in lengths for size in row[0]], np.int64)
