"""The integer arithmetic of the language model: rescaling, rounding, roots, norms, shares, frequency tables.

Everything is defined in int64, and the int64 backend computes it so. The other two do the same in floats, which
are faster, where every value on the way is an integer (or one divided by a power of two) that the type holds
exactly: then neither order nor fused operations matter. Where that is not certain they take the int64 way as well.
The bounds that rule out overflow are noted where they are used; they follow from the ranges in `weights.layout`
and from `weights.check_row_sums`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from nac_cli.entropy.frequencies import TOTAL
from nac_cli.entropy.lm.config import INT8
from nac_cli.entropy.lm.weights import EXPONENTIAL_SIZE

RESIDUAL = (1 << 24) - 1
"""The residual stream saturates here: with D <= 2048 a sum of squares stays below 2^59."""
RECIPROCAL_BITS = 46
NORMAL_BITS = 30
"""A normalised value x / root has this many fractional bits."""
EXACT_SQUARES = 1 << 52
"""Below this a sum of squares is exact in float64 in any order, and so is the floor of its root: just below k^2 the
root lies 1 / 2k below k, which float64 tells from k as long as k <= 2^26."""
GAIN_BITS = 15
"""Gains are split there, so that either part times a normalised value (2^30) is exact in float64."""
UPWARD = 1 + 2.0**-50


@dataclass(frozen=True)
class Backend:
    """Computes matrix products in `dtype`, float32, float64 or int64, and all else in `wide`."""

    dtype: DTypeLike

    def product(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """`left @ right` of integers in `dtype` whose sums of magnitudes stay below 2^24."""
        return np.matmul(left, right)

    @property
    def wide(self) -> DTypeLike:
        return np.int64 if self.dtype is np.int64 else np.float64


BACKENDS = (Backend(np.float32), Backend(np.float64), Backend(np.int64))
"""In the order in which they are tried. All give the same integers."""


def saturate(values: np.ndarray, bound: int) -> np.ndarray:
    """`values` (changed in place) clipped to [-bound, bound]."""
    return np.clip(values, -bound, bound, out=values)


def whole(values: np.ndarray) -> np.ndarray:
    """Floor of `values` (changed in place)."""
    return values if values.dtype == np.int64 else np.floor(values, out=values)


class Rescale:
    """From one step to another: ((sum + bias) * multiplier + 2^(shift - 1)) >> shift, halves up, + an addend.

    `multiplier` >= 0, `bias` and `largest` (what |sum| can be) int64 that broadcast; |addend| <= `added`, unless it
    only has to stay far below the others. In float64 the result comes unrounded, and its floor counts (`whole`):
    it is exact, as all terms are integers below 2^52 in units of 2^-shift. If they need not be, `dtype` is int64.
    There |sum + bias| < 2^31, multiplier < 2^31 and shift <= 62 keep the product below 2^63.
    """

    def __init__(
        self,
        multiplier: np.ndarray,
        bias: np.ndarray | int,
        shift: int,
        largest: np.ndarray,
        backend: Backend,
        added: int = 0,
    ) -> None:
        self._multiplier, self._shift = multiplier.astype(np.int64), shift
        self._offset = bias * self._multiplier + (1 << (shift - 1))
        reach = int((largest * self._multiplier + np.abs(self._offset)).max()) + (added << shift)
        self.dtype = np.float64 if backend.wide is np.float64 and reach < 1 << 52 else np.int64
        if self.dtype is np.float64:
            self._multiplier, self._offset = np.ldexp(self._multiplier, -shift), np.ldexp(self._offset, -shift)

    def addend(self, values: np.ndarray | int) -> np.ndarray:
        """Integers `values` as `__call__` takes them."""
        return self._offset + values if self.dtype is np.float64 else np.asarray(values, np.int64)

    def __call__(self, sums: np.ndarray, addend: np.ndarray | None = None) -> np.ndarray:
        """The function's value for integers `sums` in the backend's dtype."""
        if self.dtype is np.float64:
            scaled = sums * self._multiplier
            scaled += self._offset if addend is None else addend
            return scaled
        scaled = sums.astype(np.int64)
        scaled *= self._multiplier
        scaled += self._offset
        scaled >>= self._shift
        if addend is not None:
            scaled += addend
        return scaled


def isqrt(values: np.ndarray) -> np.ndarray:
    """floor(sqrt(values)) of int64 `values` in 0..2^62, as `math.isqrt`: integer steps correct a float estimate."""
    roots = np.sqrt(values.astype(np.float64)).astype(np.int64)
    while (above := roots * roots > values).any():
        roots -= above
    while (below := (roots + 1) * (roots + 1) <= values).any():
        roots += below
    return roots


class Norm:
    """Root-mean-square norm (Zhang and Sennrich, 2019) of states `[n, D]` to integers in [-127, 127].

    root = max(isqrt(sum x^2), 1); n = (x * floor(2^46 / root) + 2^15) >> 16, so n is x / root in units of 2^-30
    and at most 2^30 in magnitude; the result is (n * gain + 2^(shift - 1)) >> shift, saturated. sqrt(D) and the
    scale of the result are part of `gain` (int64 `[D]`, magnitudes below 2^31).
    """

    def __init__(self, gain: np.ndarray, shift: int, backend: Backend) -> None:
        self._gain, self._shift, self._dtype = gain.astype(np.int64), shift, backend.dtype
        self._floats = backend.wide is np.float64 and shift > GAIN_BITS
        self._upper = np.ldexp(self._gain >> GAIN_BITS, GAIN_BITS - shift)
        self._lower = np.ldexp(self._gain & ((1 << GAIN_BITS) - 1), -GAIN_BITS)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """Activations in the backend's dtype of `states` in its wide one."""
        if self._floats:
            squares = np.einsum("ni,ni->n", states, states)[:, None]
            if squares.max(initial=0) < EXACT_SQUARES:
                return self._in_floats(states, squares)
        return self._in_int64(states.astype(np.int64)).astype(self._dtype)

    def _in_floats(self, states: np.ndarray, squares: np.ndarray) -> np.ndarray:
        """(n * upper + floor(n * lower / 2^15) + 2^(shift - 16)) >> (shift - 15) is the same integer: a floor of
        what is added to an integer does not change the floor of the quotient. No product exceeds 2^46."""
        roots = np.maximum(np.floor(np.sqrt(squares)), 1)
        reciprocal = np.floor(2.0**RECIPROCAL_BITS / roots) * 2.0 ** (NORMAL_BITS - RECIPROCAL_BITS)
        normal = states * reciprocal
        normal += 0.5
        np.floor(normal, out=normal)
        lower = normal * self._lower
        np.floor(lower, out=lower)
        lower *= 2.0 ** (GAIN_BITS - self._shift)
        normal *= self._upper
        normal += lower
        normal += 0.5
        return activations(normal, self._dtype)

    def _in_int64(self, states: np.ndarray) -> np.ndarray:
        squares = (states * states).sum(axis=-1, keepdims=True)
        reciprocal = (1 << RECIPROCAL_BITS) // np.maximum(isqrt(squares), 1)
        shift = RECIPROCAL_BITS - NORMAL_BITS
        normal = (states * reciprocal + (1 << (shift - 1))) >> shift
        return saturate((normal * self._gain + (1 << (self._shift - 1))) >> self._shift, INT8)


def activations(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Floor of `values` (changed in place), saturated to [-127, 127], in `dtype`."""
    return whole(saturate(values, INT8)).astype(dtype)


class Shares:
    """Parts of a total in proportion to exponentials of scores.

    e = exponential[min(max(scores) - score, 1023)], with the floors of scores `[..., N]`, which are below 2^60 in
    magnitude; part = floor(total * e / sum e). The table `exponential` ends in zero and is at most 2^20, a total
    is below 2^18, N at most 2^15: total * e stays below 2^38, sums below 2^36.
    """

    def __init__(self, exponential: np.ndarray, backend: Backend) -> None:
        self._rising = exponential[::-1].astype(backend.wide)

    def entries(self, scores: np.ndarray) -> np.ndarray:
        """Where in the table, turned round, e of `scores` stands: 1023 for the largest, below zero for the first
        entry. Changes `scores`. Truncation is a floor here, since all that is negative counts as zero."""
        scores -= whole(scores.max(axis=-1, keepdims=True)) - (EXPONENTIAL_SIZE - 1)
        return scores.astype(np.intp, copy=False)

    def parts(self, entries: np.ndarray, total: int, dtype: DTypeLike) -> np.ndarray:
        """Parts in `dtype` for `entries`.

        In floats the true quotient q is either an integer, or lies at least 1 / sum e below the next one. With the
        factor `UPWARD`, which outweighs three roundings of 2^-53, the product is at least q and exceeds it by less
        than q 2^-49 < 2^-11 / sum e: its floor is that of q.
        """
        exponentials = self._rising.take(entries, mode="clip")
        sums = exponentials.sum(axis=-1, keepdims=True)
        if self._rising.dtype == np.int64:
            return (exponentials * total // sums).astype(dtype, copy=False)
        exponentials *= total * UPWARD / sums
        return whole(exponentials).astype(dtype)


def frequencies(logits: np.ndarray, shares: Shares) -> np.ndarray:
    """Frequency tables int64 `[n, N]` of `logits` `[n, N]` (changed): every entry >= 1, every row sums to 65536.

    f = 1 + floor(e * (65536 - N) / sum e); what is left goes to the largest logit, the lowest index of equals.
    """
    entries = shares.entries(logits)
    tables = shares.parts(entries, TOTAL - logits.shape[1], np.int64)
    tables += 1
    tables[np.arange(len(tables)), entries.argmax(axis=1)] += TOTAL - tables.sum(axis=1)
    return tables
