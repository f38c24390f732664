"""Sums over bands and back to lines, for blocks of any length at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from nac_cli.detail.mdct import distinct
from nac_cli.detail_layer import HALVINGS, band_edges, owners


class Blocks:
    """Which of `T` coefficients belong to which block and band, for blocks of `sizes` in superframes of one length."""

    def __init__(self, sizes: np.ndarray, superframe: int) -> None:
        self.sizes, self.superframe = np.asarray(sizes), superframe
        self.owners = owners(self.sizes, superframe)
        self._unit = superframe >> HALVINGS
        self._places = []  # rows of the shortest block's length are moved whole, which is fast
        starts = (np.cumsum(self.sizes) - self.sizes) // self._unit
        for size in distinct(self.sizes):
            chosen = np.flatnonzero(self.sizes == size)
            self._places.append((size, chosen, starts[chosen, None] + np.arange(size // self._unit)))

    def sums(self, lines: np.ndarray) -> np.ndarray:
        """`[T]` -> float64 `[B, N]`: the sum over each band."""
        edges = band_edges(self.superframe)
        sums = np.empty((len(self.sizes), len(edges) - 1))
        rows = lines.reshape(-1, self._unit)
        for size, chosen, places in self._places:
            starts = edges[:-1] * (size // self._unit)
            sums[chosen] = np.add.reduceat(rows[places].reshape(-1, size), starts, axis=1)
        return sums

    def superframe_sums(self, lines: np.ndarray) -> np.ndarray:
        """`[T]` -> `[superframes, N]`: the sum over each band of all blocks of a superframe."""
        sums = self.sums(lines)
        firsts = np.searchsorted(self.owners, np.arange(len(lines) // self.superframe))
        return np.add.reduceat(sums, firsts, axis=0)

    def widths(self) -> np.ndarray:
        """int64 `[B, N]`: lines of each band."""
        return np.diff(band_edges(self.superframe)) * (self.sizes // self._unit)[:, None]

    def steps(self, values: np.ndarray) -> np.ndarray:
        """`[B, N]` -> float32 `[T]`: every line has the value of its band."""
        values = values.astype(np.float32)
        return self._lines(lambda size, chosen: np.repeat(values[chosen], _widths(size, self.superframe), axis=1))

    def slopes(self, values: np.ndarray) -> np.ndarray:
        """`[B, N]` -> float32 `[T]`: straight lines between the middles of the bands."""
        values = values.astype(np.float32)
        return self._lines(lambda size, chosen: values[chosen] @ _interpolation(size, self.superframe))

    def frequencies(self) -> np.ndarray:
        """float32 `[T]`: the middle of each line as a share of half the sample rate."""
        return self._lines(lambda size, _: (np.arange(size) + 0.5) / size)

    def _lines(self, rows_of: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
        """float32 `[T]` from what `rows_of` a size gives the `chosen` blocks of it: `[len(chosen), size]`, or a row for
        all."""
        lines = np.empty((self.sizes.sum() // self._unit, self._unit), np.float32)
        for size, chosen, places in self._places:
            lines[places] = rows_of(size, chosen).reshape(-1, size // self._unit, self._unit)
        return lines.reshape(-1)


def _widths(size: int, superframe: int) -> np.ndarray:
    return np.diff(band_edges(superframe)) * (size // (superframe >> HALVINGS))


@lru_cache(maxsize=32)
def _interpolation(size: int, superframe: int) -> np.ndarray:
    """float32 `[N, size]`: what each band's value has in each line."""
    edges = band_edges(superframe) * (size // (superframe >> HALVINGS))
    middles = (edges[1:] + edges[:-1]) / 2
    rows = [np.interp(np.arange(size) + 0.5, middles, row) for row in np.eye(len(middles))]
    return np.stack(rows).astype(np.float32)
