"""The integer arithmetic of the language model: products, quotients, rounding, roots, frequency tables.

Matrix products run on whatever the machine multiplies fast, as long as every partial sum is an integer that the
type holds exactly: then neither order nor fused operations matter. Everything else is int64. The bounds that
rule out overflow are noted where they are used; they follow from the ranges in `weights.layout` and from
`weights.check_row_sums`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nac_cli.entropy.frequencies import TOTAL
from nac_cli.entropy.lm.config import INT8

RESIDUAL = (1 << 24) - 1
"""The residual stream saturates here: with D <= 2048 a sum of squares stays below 2^59."""
RECIPROCAL_BITS = 46
NORMAL_BITS = 30
"""A normalised value x / root has this many fractional bits."""


@dataclass(frozen=True)
class Backend:
    """How products and quotients are computed: with `dtype`, float32, float64 or int64. All give the same integers."""

    dtype: type

    def product(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """`left @ right`, int64, of integers in `dtype` whose sums of magnitudes stay below 2^24."""
        return np.matmul(left, right).astype(np.int64)

    def quotient(self, numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
        """floor(numerators / denominators) of integers >= 0 and >= 1 (float64 or int64) with a sum below 2^53.

        In floats this is exact: the true quotient lies at least 1 / denominator below the next integer q, and to
        round up to q it would have to lie within q 2^-53 of it, but q * denominator is below 2^53.
        """
        if self.dtype is np.int64:
            return numerators // denominators
        quotients = np.true_divide(numerators, denominators)
        return np.floor(quotients, out=quotients)


BACKENDS = (Backend(np.float32), Backend(np.float64), Backend(np.int64))
"""In the order in which they are tried."""


def requantise(values: np.ndarray, multiplier: np.ndarray | int, shift: int) -> np.ndarray:
    """(values * multiplier + 2^(shift - 1)) >> shift, int64: the product by multiplier / 2^shift, halves up.

    |values| < 2^31 and 0 <= multiplier < 2^31 (or the reverse), 1 <= shift <= 62 keep it below 2^63.
    """
    scaled = values * np.asarray(multiplier, np.int64)
    scaled += 1 << (shift - 1)
    scaled >>= shift
    return scaled


def saturate(values: np.ndarray, bound: int) -> np.ndarray:
    """`values` (int64, changed in place) clipped to [-bound, bound]."""
    np.minimum(values, bound, out=values)
    return np.maximum(values, -bound, out=values)


def isqrt(values: np.ndarray) -> np.ndarray:
    """floor(sqrt(values)) of int64 `values` in 0..2^62, as `math.isqrt`: integer steps correct a float estimate."""
    roots = np.sqrt(values.astype(np.float64)).astype(np.int64)
    while (above := roots * roots > values).any():
        roots -= above
    while (below := (roots + 1) * (roots + 1) <= values).any():
        roots += below
    return roots


def rms_norm(states: np.ndarray, gain: np.ndarray, shift: int) -> np.ndarray:
    """Root-mean-square norm (Zhang and Sennrich, 2019) of int64 `states` `[..., D]` to int64 in [-127, 127].

    root = max(isqrt(sum x^2), 1); n = (x * floor(2^46 / root) + 2^15) >> 16, so n is x / root in units of 2^-30
    and at most 2^30 in magnitude; the result is (n * gain + 2^(shift - 1)) >> shift, saturated. sqrt(D) and the
    scale of the result are part of `gain` (int64 `[D]` or `[..., D]`, below 2^31).
    """
    squares = (states * states).sum(axis=-1, keepdims=True)
    reciprocal = (1 << RECIPROCAL_BITS) // np.maximum(isqrt(squares), 1)
    normal = requantise(states, reciprocal, RECIPROCAL_BITS - NORMAL_BITS)
    return saturate(requantise(normal, gain, shift), INT8)


def shares(scores: np.ndarray, exponential: np.ndarray, total: int, backend: Backend) -> np.ndarray:
    """Parts of `total` in proportion to exponentials: floor(total * e / sum e), `[..., N]`, integers of any dtype.

    e = exponential[min(max(scores) - score, length - 1)] for int64 `scores` `[..., N]` below 2^60 in magnitude;
    `exponential` (see `exponentials`) ends in zero. Table entries are at most 2^20, `total` below 2^18, N at
    most 2^15: numerators stay below 2^38, sums below 2^36.
    """
    distances = scores.max(axis=-1, keepdims=True) - scores
    weights = exponential.take(distances, mode="clip")
    sums = weights.sum(axis=-1, keepdims=True)
    weights *= total
    return backend.quotient(weights, sums)


def exponentials(table: np.ndarray, backend: Backend) -> np.ndarray:
    """The table of e as `shares` takes it: in int64, or in float64 (exact) where quotients are floats."""
    return table.astype(np.int64 if backend.dtype is np.int64 else np.float64)


def frequencies(logits: np.ndarray, exponential: np.ndarray, backend: Backend) -> np.ndarray:
    """Frequency tables int64 `[n, N]` of int64 `logits` `[n, N]`: every entry >= 1, every row sums to 65536.

    f = 1 + floor(e * (65536 - N) / sum e); what is left goes to the largest logit, the lowest index of equals.
    """
    parts = shares(logits, exponential, TOTAL - logits.shape[1], backend)
    tables = parts.astype(np.int64)
    tables += 1
    tables[np.arange(len(tables)), logits.argmax(axis=1)] += TOTAL - tables.sum(axis=1)
    return tables
