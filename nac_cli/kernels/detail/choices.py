"""The encoder's choices: levels and gains that cost least in error and bits together, and what their tables are made
of."""

from __future__ import annotations

import math

from nac_cli.kernels.compiling import helper, kernel
from nac_cli.kernels.detail.fields import ACTIVITIES, LEVELS, MOST_GAIN, MOST_LEVEL, NUMBERS, SYMBOLS, TABLE
from nac_cli.kernels.detail.regrid import begin_block, end_block

COSTS = "float64[:, :, ::1]"


@helper(f"int64({NUMBERS}, {NUMBERS}, int64, int64, int64)")
def activity_at(before, earlier, c1, c2, k):
    """How large the levels around line `k` of a block are: its row in the table of costs. `before` and `earlier` are
    the two blocks before, `c1` and `c2` the two levels below."""
    beside = before[k + 1] + (before[k - 1] if k else 0)
    total = 2 * c1 + c2 + (2 * before[k] + beside + earlier[k] + 1) // 2
    return total if total < 10 else min(10 + (total - 10) // 5, ACTIVITIES - 1)


@kernel(f"float64(float32[::1], {NUMBERS}, {NUMBERS}, {COSTS}, float64, {LEVELS}, {TABLE})")
def round_levels(ratios, sizes, zones, costs, trade, levels, blocks):
    """Levels int32 `[T]` for coefficients over steps `ratios` `[T]`; what they cost by the table, in bits.

    `costs` `[16, 11, 18]` is the coder's adaptive prediction as a fixed table, `trade` squared steps for a bit.
    Decisions are taken line by line, each knowing those before it. `blocks` are zeros, `[BLOCKS,
    superframe + MARGIN]`.
    """
    superframe = len(zones)
    before = blocks[0]
    earlier = blocks[1]
    now = blocks[2]
    start = 0
    grid = superframe
    bits = 0.0
    for size in sizes:
        begin_block(blocks, grid, size)
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
        end_block(blocks, size)
        start += size
    return bits


@kernel(f"void({LEVELS}, {NUMBERS}, {NUMBERS}, {COSTS}, {TABLE})")
def count_levels(levels, sizes, zones, counts, blocks):
    """Add to `counts` `[16, 11, 18]` how often each level was met: what a table of costs is made of."""
    superframe = len(zones)
    before = blocks[0]
    earlier = blocks[1]
    now = blocks[2]
    start = 0
    grid = superframe
    for size in sizes:
        begin_block(blocks, grid, size)
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
        end_block(blocks, size)
        start += size


@kernel(f"float64(float64[:, ::1], float64[:, ::1], {COSTS}, float64, {TABLE})")
def choose_gains(wanted, weights, costs, trade, gains):
    """Gains int64 `[superframes, N]` near the `wanted` ones (in steps): what a gain is off, squared and weighted, and
    `trade` times its bits cost least. `costs` `[9, 9, 9]`: bits by the gain before, the gain below and the gain
    itself; what they sum up to is returned."""
    superframes, bands = wanted.shape
    bits = 0.0
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
                bits += costs[before + MOST_GAIN, below + MOST_GAIN, best + MOST_GAIN]
            gains[t, band] = best
    return bits
