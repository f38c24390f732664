"""Sums over bands and back to lines, for blocks of any length at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nac_cli.detail_layer import HALVINGS, band_edges, owners


class Blocks:
    """Which of `T` coefficients belong to which block and band, for blocks of `sizes` in superframes of one length."""

    def __init__(self, sizes: np.ndarray, superframe: int) -> None:
        self.sizes, self.superframe = np.asarray(sizes), superframe
        self.owners = owners(self.sizes, superframe)
        self._places = []
        starts = np.cumsum(self.sizes) - self.sizes
        for size in np.unique(self.sizes):
            chosen = np.flatnonzero(self.sizes == size)
            self._places.append((int(size), chosen, starts[chosen, None] + np.arange(size)))

    def sums(self, lines: np.ndarray) -> np.ndarray:
        """`[T]` -> `[B, N]`: the sum over each band."""
        edges = band_edges(self.superframe)
        sums = np.empty((len(self.sizes), len(edges) - 1))
        for size, chosen, places in self._places:
            starts = edges[:-1] * (size // (self.superframe >> HALVINGS))
            sums[chosen] = np.add.reduceat(lines[places], starts, axis=1)
        return sums

    def superframe_sums(self, lines: np.ndarray) -> np.ndarray:
        """`[T]` -> `[superframes, N]`: the sum over each band of all blocks of a superframe."""
        sums = self.sums(lines)
        totals = np.zeros((len(lines) // self.superframe, sums.shape[1]))
        np.add.at(totals, self.owners, sums)
        return totals

    def widths(self) -> np.ndarray:
        """int64 `[B, N]`: lines of each band."""
        return np.diff(band_edges(self.superframe)) * (self.sizes // (self.superframe >> HALVINGS))[:, None]

    def steps(self, values: np.ndarray) -> np.ndarray:
        """`[B, N]` -> `[T]`: every line has the value of its band."""
        lines = np.empty(self.sizes.sum())
        for size, chosen, places in self._places:
            lines[places] = np.repeat(values[chosen], _widths(size, self.superframe), axis=1)
        return lines

    def slopes(self, values: np.ndarray) -> np.ndarray:
        """`[B, N]` -> `[T]`: straight lines between the middles of the bands."""
        lines = np.empty(self.sizes.sum())
        for size, chosen, places in self._places:
            lines[places] = values[chosen] @ _interpolation(size, self.superframe)
        return lines

    def frequencies(self) -> np.ndarray:
        """`[T]`: the middle of each line as a share of half the sample rate."""
        lines = np.empty(self.sizes.sum())
        for size, _, places in self._places:
            lines[places] = (np.arange(size) + 0.5) / size
        return lines


def _widths(size: int, superframe: int) -> np.ndarray:
    return np.diff(band_edges(superframe)) * (size // (superframe >> HALVINGS))


@lru_cache(maxsize=32)
def _interpolation(size: int, superframe: int) -> np.ndarray:
    """`[N, size]`: what each band's value has in each line."""
    edges = band_edges(superframe) * (size // (superframe >> HALVINGS))
    middles = (edges[1:] + edges[:-1]) / 2
    return np.stack([np.interp(np.arange(size) + 0.5, middles, row) for row in np.eye(len(middles))])
