"""Integer frequency tables: how likely the `static` mode holds every code of every plane to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from nac_cli.errors import ModelError

TOTAL_BITS = 16
TOTAL = 1 << TOTAL_BITS
"""The sum of every table."""
MAX_SIZE = 1 << 15
"""The largest codebook a table serves: with more, the ones that every code is due would fill it."""
MAX_COUNT = 1 << 47
"""Above this a count times `TOTAL` leaves int64."""


def can_have_tables(codebook_sizes: Sequence[int]) -> bool:
    """Whether a model with these codebooks can have tables: of one size, as its file has them as `[K, N]`, and of at
    most MAX_SIZE codes."""
    return len(set(codebook_sizes)) == 1 and codebook_sizes[0] <= MAX_SIZE


class FrequencyTables:
    """One table per plane: `tables[k]` int64 `[N_k]`, every entry >= 1, sum 65536. Immutable.

    Raises `ModelError` if a table is not of that form (tables come with a model).
    """

    def __init__(self, tables: Iterable[np.ndarray]) -> None:
        self.tables = tuple(_validated(np.asarray(table), plane) for plane, table in enumerate(tables))

    @property
    def sizes(self) -> tuple[int, ...]:
        """N of each plane."""
        return tuple(table.size for table in self.tables)

    def cost_bits(self, plane: int) -> np.ndarray:
        """float64 `[N]`: what each code of `plane` costs, 16 - log2 f bits."""
        return TOTAL_BITS - np.log2(self.tables[plane])


def from_counts(counts: np.ndarray) -> np.ndarray:
    """Table int64 `[N]` of how often each code was seen, `counts` integer `[N]`, 2 <= N <= 32768.

    f = 1 + floor(count * (65536 - N) / sum of counts), and what is left of 65536 goes to the largest count
    (the lowest index of equals). All counts zero gives the flat table. Raises `ModelError`.
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or not 2 <= counts.size <= MAX_SIZE or not np.issubdtype(counts.dtype, np.integer):
        raise ModelError(f"code counts must be 2..{MAX_SIZE} integers, not {counts.dtype} {counts.shape}")
    if counts.min() < 0 or counts.max() >= MAX_COUNT:
        raise ModelError(f"code counts must lie in 0..{MAX_COUNT - 1}")
    counts = counts.astype(np.int64) if counts.any() else np.ones(counts.size, np.int64)
    frequencies = 1 + counts * (TOTAL - counts.size) // counts.sum()
    frequencies[counts.argmax()] += TOTAL - frequencies.sum()
    return frequencies


def _validated(table: np.ndarray, plane: int) -> np.ndarray:
    name = f"frequency table of plane {plane}"
    if table.ndim != 1 or not np.issubdtype(table.dtype, np.integer) or not 2 <= table.size <= MAX_SIZE:
        raise ModelError(f"{name}: 2..{MAX_SIZE} integers expected, not {table.dtype} {table.shape}")
    if table.min() < 1 or table.max() > TOTAL or table.sum(dtype=np.int64) != TOTAL:
        raise ModelError(f"{name}: entries must be at least 1 and sum to {TOTAL}")
    table = table.astype(np.int64)
    table.setflags(write=False)
    return table
