"""A lapped orthogonal transform with window switching: the MDCT as rotations at block boundaries, then a DCT of each
block.

Time-domain aliasing cancellation (Princen, Johnson and Bradley 1987) in its lapped form (Malvar 1992): where two blocks
meet, the samples that lie symmetrically around the boundary are rotated into each other by the window; every block is
then transformed on its own. The slope at a boundary is as long as the shorter of its blocks (Edler 1989), so any row of
block lengths is reconstructed exactly, and the whole transform is orthonormal: an error of the coefficients has the
energy of the error of the sound.

Nothing crosses the ends of the sound: the first block's left edge and the last block's right edge are not lapped.
DCT-IV continues a block evenly to its left, which is right for the start, and oddly to its right, which would make a
jump of the end; so the last block is a DCT-II, which is even on both sides and fits its left neighbour as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

Sizes = Sequence[int] | np.ndarray
"""Lengths of blocks, one after the other."""


def forward(samples: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Coefficients float64 `[T]` of `samples` `[T]` in blocks of `sizes` (even, adding up to T), block after block,
    each from low to high frequencies."""
    folded = np.array(samples, np.float64)
    _turn(folded, sizes, 1)
    return _transform(folded, sizes, _dct2)


def inverse(coefficients: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Samples float64 `[T]` of `coefficients` `[T]`: the inverse of `forward`."""
    folded = _transform(np.asarray(coefficients, np.float64), sizes, _dct3)
    _turn(folded, sizes, -1)
    return folded


@lru_cache(maxsize=32)
def slope(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Vorbis's power-complementary window over `length` samples around a boundary: what is kept of a sample (falling
    from almost 1 far from the boundary to sqrt(1/2) at it), and what goes to its mirror image, `[length / 2]` each,
    counted from the boundary outwards."""
    places = (np.arange(length // 2) + 0.5) / length
    angles = np.pi / 2 * np.sin(np.pi / 2 * (0.5 + places)) ** 2
    return np.sin(angles), np.cos(angles)


def _turn(samples: np.ndarray, sizes: Sizes, direction: int) -> None:
    """Rotate, in place, the mirrored samples around every boundary; `direction` -1 undoes 1.

    Boundaries with slopes of one length are done together."""
    lengths = np.asarray(sizes)
    boundaries = np.cumsum(lengths)[:-1]
    lengths = np.minimum(lengths[:-1], lengths[1:])
    for length in np.unique(lengths):
        kept, given = slope(int(length))
        reach = np.arange(length // 2)
        after = boundaries[lengths == length, None] + reach
        before = boundaries[lengths == length, None] - 1 - reach
        left, right = samples[before], samples[after]
        samples[before] = kept * left - direction * given * right
        samples[after] = kept * right + direction * given * left


def _transform(samples: np.ndarray, sizes: Sizes, last) -> np.ndarray:
    """A DCT-IV, its own inverse, of every block, blocks of one size together; of the last one `last`."""
    lengths = np.asarray(sizes)
    ends = np.cumsum(lengths)
    result = np.empty_like(samples)
    for size in np.unique(lengths[:-1]):
        places = (ends[:-1] - lengths[:-1])[lengths[:-1] == size, None] + np.arange(size)
        result[places] = dct4(samples[places])
    start = ends[-1] - lengths[-1]
    result[start:] = last(samples[start:])
    return result


def dct4(rows: np.ndarray) -> np.ndarray:
    """Orthonormal DCT-IV of each row `[n, M]`, M even, by complex FFTs of M / 2 points."""
    size = rows.shape[-1]
    twist = np.exp(-1j * np.pi * (np.arange(size // 2) + 0.125) / size)
    spectrum = np.fft.fft((rows[..., 0::2] + 1j * rows[..., ::-2]) * twist, axis=-1) * twist
    result = np.empty(rows.shape)
    result[..., 0::2] = spectrum.real
    result[..., ::-2] = -spectrum.imag
    return result * np.sqrt(2 / size)


def _dct2(row: np.ndarray) -> np.ndarray:
    """Orthonormal DCT-II of `[M]`."""
    size = len(row)
    spectrum = np.fft.rfft(np.concatenate((row, row[::-1])))[:size]
    result = (spectrum * np.exp(-0.5j * np.pi * np.arange(size) / size)).real * np.sqrt(0.5 / size)
    result[0] *= np.sqrt(0.5)
    return result


def _dct3(row: np.ndarray) -> np.ndarray:
    """The inverse of `_dct2`."""
    size = len(row)
    weighted = row * np.sqrt(2.0 * size)
    weighted[0] *= np.sqrt(2.0)
    spectrum = np.zeros(size + 1, complex)
    spectrum[:size] = weighted * np.exp(0.5j * np.pi * np.arange(size) / size)
    return np.fft.irfft(spectrum, 2 * size)[:size]
