"""Layers of networks over frames, in float32, that numpy would do in many passes."""

from __future__ import annotations

import math

import numpy as np

from nac_cli.kernels.compiling import kernel

FRAMES = "float32[:, ::1]"
ROW = "float32[::1]"
NUMERATOR = (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
             -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02)  # fmt: skip
DENOMINATOR = (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
               -1.42647390514189e-02)  # fmt: skip
"""erf(x) is x times a quotient of polynomials in x^2, highest power first, for |x| <= 4 (figures: Eigen 3.4)."""
N6, N5, N4, N3, N2, N1, N0 = map(np.float32, NUMERATOR)
D4, D3, D2, D1, D0 = map(np.float32, DENOMINATOR)
HALF, ONE, FOUR, ROOT_HALF = map(np.float32, (0.5, 1.0, 4.0, math.sqrt(0.5)))


FAST = {"reassoc", "contract"}
"""Sums may be taken in any order, and products added to them unrounded."""


@kernel(f"void({FRAMES}, {FRAMES}, {ROW}, {ROW}, {ROW}, {FRAMES})", fastmath=FAST)
def depthwise_norm(x, taps, bias, gain, shift, result):
    """A depthwise convolution over the frames of `x` `[F, D]` with zeros beyond either end, by `taps` `[width, D]` and
    `bias` `[D]`, and a layer norm of each frame (epsilon 1e-6) by `gain` and `shift` `[D]`, into `result` `[F, D]`."""
    frames, width = x.shape
    size = len(taps)
    for frame in range(frames):
        row = result[frame]
        for place in range(width):
            row[place] = bias[place]
        for tap in range(size):
            source = frame + tap - size // 2
            if 0 <= source < frames:
                for place in range(width):
                    row[place] += x[source, place] * taps[tap, place]
        total = np.float32(0)
        for place in range(width):
            total += row[place]
        mean, squares = total / np.float32(width), np.float32(0)
        for place in range(width):
            row[place] -= mean
            squares += row[place] * row[place]
        scale = np.float32(1 / math.sqrt(squares / width + 1e-6))
        for place in range(width):
            row[place] = row[place] * scale * gain[place] + shift[place]


@kernel(f"void({FRAMES}, {ROW})", fastmath=FAST)
def bias_gelu(x, bias):
    """x = GELU(x + bias) in place, `x` `[F, D]`, with the error function itself (Hendrycks and Gimpel, 2016)."""
    frames, width = x.shape
    for frame in range(frames):
        row = x[frame]
        for place in range(width):
            value = row[place] + bias[place]
            at = min(max(value * ROOT_HALF, -FOUR), FOUR)
            square = at * at
            over = (((((N6 * square + N5) * square + N4) * square + N3) * square + N2) * square + N1) * square + N0
            under = (((D4 * square + D3) * square + D2) * square + D1) * square + D0
            row[place] = HALF * value * (ONE + at * over / under)
