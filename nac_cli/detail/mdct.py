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
    """Coefficients `[T]` of `samples` `[T]`, float32 or float64, in blocks of `sizes` (even, adding up to T), block
    after block, each from low to high frequencies."""
    folded = samples.copy()
    _turn(folded, sizes, 1)
    return _transform(folded, sizes, _dct2)


def inverse(coefficients: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Samples `[T]` of `coefficients` `[T]`, of the same type: the inverse of `forward`."""
    folded = _transform(coefficients, sizes, _dct3)
    _turn(folded, sizes, -1)
    return folded


@lru_cache(maxsize=32)
def slope(length: int, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Vorbis's power-complementary window over `length` samples around a boundary: what is kept of a sample (falling
    from almost 1 far from the boundary to sqrt(1/2) at it), and what goes to its mirror image, `[length / 2]` each,
    counted from the boundary outwards."""
    places = (np.arange(length // 2) + 0.5) / length
    angles = np.pi / 2 * np.sin(np.pi / 2 * (0.5 + places)) ** 2
    return np.sin(angles).astype(dtype), np.cos(angles).astype(dtype)


def distinct(lengths: np.ndarray) -> list[int]:
    """Those that there are, ascending. `numpy.unique` would import `numpy.ma`, which takes longer than this."""
    return sorted(set(lengths.tolist()))


def _turn(samples: np.ndarray, sizes: Sizes, direction: int) -> None:
    """Rotate, in place, the mirrored samples around every boundary; `direction` -1 undoes 1.

    Boundaries with slopes of one length are done together; whole rows of samples are moved, which is fast."""
    lengths = np.asarray(sizes)
    unit = int(np.gcd.reduce(lengths)) // 2
    rows = samples.reshape(-1, unit)
    boundaries = np.cumsum(lengths)[:-1] // unit
    lengths = np.minimum(lengths[:-1], lengths[1:])
    for length in distinct(lengths):
        kept, given = slope(length, samples.dtype.name)
        given = direction * given
        reach = np.arange(length // 2 // unit)
        after = boundaries[lengths == length, None] + reach
        before = after - len(reach)
        left = rows[before].reshape(-1, length // 2)[:, ::-1]
        right = rows[after].reshape(-1, length // 2)
        rows[before] = (kept * left - given * right)[:, ::-1].reshape(*before.shape, unit)
        rows[after] = (kept * right + given * left).reshape(*after.shape, unit)


def _transform(samples: np.ndarray, sizes: Sizes, last) -> np.ndarray:
    """A DCT-IV, its own inverse, of every block, blocks of one size together; of the last one `last`."""
    lengths = np.asarray(sizes)
    unit = int(np.gcd.reduce(lengths))
    starts = (np.cumsum(lengths) - lengths) // unit
    result = np.empty_like(samples)
    rows, results = samples.reshape(-1, unit), result.reshape(-1, unit)
    for size in distinct(lengths[:-1]):
        places = starts[:-1][lengths[:-1] == size, None] + np.arange(size // unit)
        results[places] = dct4(rows[places].reshape(-1, size)).reshape(*places.shape, unit)
    start = starts[-1] * unit
    result[start:] = last(samples[start:].astype(np.float64))
    return result


def dct4(rows: np.ndarray) -> np.ndarray:
    """Orthonormal DCT-IV of each row `[n, M]`, M even, by complex FFTs of M / 2 points."""
    size = rows.shape[-1]
    twist = _twist(size, rows.dtype.name)
    halves = np.empty((*rows.shape[:-1], size // 2), twist.dtype)
    halves.real, halves.imag = rows[..., 0::2], rows[..., ::-2]
    halves *= twist
    spectrum = np.fft.fft(halves, axis=-1)
    spectrum *= twist
    result = np.empty_like(rows)
    result[..., 0::2] = spectrum.real
    np.negative(spectrum.imag, out=result[..., ::-2])
    return result


@lru_cache(maxsize=32)
def _twist(size: int, dtype: str) -> np.ndarray:
    """Rotations before and after the FFT, complex `[size / 2]`; both together make the transform orthonormal."""
    twist = np.exp(-1j * np.pi * (np.arange(size // 2) + 0.125) / size) * (2 / size) ** 0.25
    return twist.astype(np.result_type(dtype, np.complex64))


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
