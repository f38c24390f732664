"""Neighbours across blocks of different lengths: the coder's contexts and the encoder's estimate of them share this
loop."""

from __future__ import annotations

from nac_cli.kernels.compiling import helper
from nac_cli.kernels.detail.fields import MARGIN, NUMBERS


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
