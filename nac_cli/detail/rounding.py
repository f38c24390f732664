"""Rate-distortion optimised rounding: the level that costs least in error and bits together."""

from __future__ import annotations

import math

import numpy as np

from nac_cli.compiling import compiled
from nac_cli.detail_layer import MOST_LEVEL
from nac_cli.regrid import MARGIN, regrid

ACTIVITIES, ZONES, SYMBOLS = 16, 11, 18
"""Shape of the table of costs: what surrounds a level, where it lies, how large it is (the last stands for more)."""


@compiled
def activity_at(before, earlier, c1, c2, k):
    """How large the levels around line `k` of a block are: its row in the table of costs. `before` and `earlier` are
    the two blocks before, `c1` and `c2` the two levels below."""
    beside = before[k + 1] + (before[k - 1] if k else 0)
    total = 2 * c1 + c2 + (2 * before[k] + beside + earlier[k] + 1) // 2
    return total if total < 10 else min(10 + (total - 10) // 5, ACTIVITIES - 1)


def zones(superframe: int) -> np.ndarray:
    """int64 `[superframe]`: where each line of the longest block lies, its column in the table of costs. An octave each
    from line 2 on; the last has no end."""
    return np.minimum(np.ceil(np.log2(np.maximum(np.arange(superframe) // 2 + 1, 1))), ZONES - 1).astype(np.int64)


@compiled
def round_levels(ratios, sizes, zones, costs, trade, levels):
    """Levels int32 `[T]` for coefficients over steps `ratios` `[T]`; what they cost by the table, in bits.

    `costs` `[16, 11, 18]` is the coder's adaptive prediction as a fixed table, `trade` squared steps for a bit.
    Decisions are taken line by line, each knowing those before it.
    """
    superframe = len(zones)
    before = np.zeros(superframe + MARGIN, np.int64)
    earlier = np.zeros(superframe + MARGIN, np.int64)
    now = np.zeros(superframe + MARGIN, np.int64)
    start = 0
    grid = superframe
    bits = 0.0
    for size in sizes:
        if size != grid:
            regrid(before, grid, size)
            regrid(earlier, grid, size)
            grid = size
        scale = superframe // size
        c1 = 0
        c2 = 0
        for k in range(size):
            activity = activity_at(before, earlier, c1, c2, k)
            zone = zones[k * scale]
            ratio = abs(ratios[start + k])
            best = 0
            if ratio > 0.5:
                ratio = min(ratio, MOST_LEVEL)
                least = ratio * ratio + trade * costs[activity, zone, 0]
                floor = int(ratio)
                for candidate in range(max(floor, 1), min(floor + 1, MOST_LEVEL) + 1):
                    error = ratio - candidate
                    cost = error * error + trade * costs[activity, zone, min(candidate, SYMBOLS - 1)]
                    if cost < least:
                        least = cost
                        best = candidate
            bits += costs[activity, zone, min(best, SYMBOLS - 1)]
            if best >= SYMBOLS - 1:
                bits += 2 * math.log2(best - SYMBOLS + 3)
            levels[start + k] = best if ratios[start + k] > 0 else -best
            c2 = c1
            c1 = min(best, 15)
            now[k] = c1
        for k in range(size):
            earlier[k] = before[k]
            before[k] = 2 * now[k]
        start += size
    return bits


@compiled
def count_levels(levels, sizes, zones, counts):
    """Add to `counts` `[16, 11, 18]` how often each level was met: what a table of costs is made of."""
    superframe = len(zones)
    before = np.zeros(superframe + MARGIN, np.int64)
    earlier = np.zeros(superframe + MARGIN, np.int64)
    now = np.zeros(superframe + MARGIN, np.int64)
    start = 0
    grid = superframe
    for size in sizes:
        if size != grid:
            regrid(before, grid, size)
            regrid(earlier, grid, size)
            grid = size
        scale = superframe // size
        c1 = 0
        c2 = 0
        for k in range(size):
            activity = activity_at(before, earlier, c1, c2, k)
            zone = zones[k * scale]
            level = abs(levels[start + k])
            counts[activity, zone, min(level, SYMBOLS - 1)] += 1
            c2 = c1
            c1 = min(level, 15)
            now[k] = c1
        for k in range(size):
            earlier[k] = before[k]
            before[k] = 2 * now[k]
        start += size


def cost_table(counts: np.ndarray) -> np.ndarray:
    """Bits `[16, 11, 18]`, signs included, from counts; where a zone has few, from the other zones of its activity."""
    prior = counts.sum(axis=1, keepdims=True) + 0.05 * 0.5 ** np.arange(SYMBOLS)
    smoothed = counts + 8 * prior / prior.sum(axis=2, keepdims=True)
    bits = -np.log2(smoothed / smoothed.sum(axis=2, keepdims=True))
    bits[:, :, 1:] += 1
    return bits
