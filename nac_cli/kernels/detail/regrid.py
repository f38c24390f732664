"""Neighbours across blocks of different lengths: the coder's contexts and the encoder's estimate of them share these
loops.

Of `blocks` `[BLOCKS, superframe + MARGIN]` the rows are the levels of the block before without signs, doubled; those of
the one before that; and the levels of the block at hand.
"""

from __future__ import annotations

from nac_cli.kernels.compiling import helper
from nac_cli.kernels.detail.fields import MARGIN, NUMBERS, TABLE


@helper(f"void({NUMBERS}, int64, int64)")
def regrid(values, old, new):
    """Change, in place, values of a block of `old` lines to one of `new`: the mean, rounded up, or copies."""
    if old > new:
        ratio = old // new
        for k in range(new):
            total = 0
            for j in range(k * ratio, (k + 1) * ratio):
                total += values[j]
            values[k] = (total + ratio - 1) // ratio
    else:
        ratio = new // old
        for k in range(new - 1, -1, -1):
            values[k] = values[k // ratio]
    for k in range(new, new + MARGIN):
        values[k] = 0


@helper(f"void({TABLE}, int64, int64)")
def begin_block(blocks, old, new):
    """Bring the blocks before, of `old` lines, to the `new` ones of the block at hand."""
    if new != old:
        regrid(blocks[0], old, new)
        regrid(blocks[1], old, new)


@helper(f"void({TABLE}, int64)")
def end_block(blocks, size):
    """The block at hand, of `size` lines, becomes the one before."""
    for k in range(size):
        blocks[1, k] = blocks[0, k]
        blocks[0, k] = 2 * blocks[2, k]
