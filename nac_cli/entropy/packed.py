"""Token section of mode `packed`: plain bits, for anyone to read without tables.

Every code takes ceil(log2 N) bits; every run (the codes of one channel and plane) ends at a byte boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from nac_cli.entropy.bits import BitReader, BitWriter
from nac_cli.errors import CorruptStream


def code_bits(size: int) -> int:
    """Bits of one code of a codebook of `size` entries, ceil(log2 N)."""
    return (size - 1).bit_length()


def pack_runs(runs: Sequence[np.ndarray], sizes: Sequence[int]) -> bytes:
    """Pack `runs` (`[C * K]` arrays, see `runs`); `sizes` is N of each plane."""
    writer = BitWriter()
    for run, size in zip(runs, cycle(sizes)):
        writer.write_codes(run, code_bits(size))
        writer.align()
    return writer.to_bytes()


def unpack_runs(data: bytes, lengths: Sequence[int], sizes: Sequence[int]) -> list[np.ndarray]:
    """Inverse of `pack_runs`. Raises `CorruptStream` unless `data` is exactly what these runs need."""
    reader = BitReader(data)
    runs = []
    for length, size in zip(lengths, cycle(sizes)):
        run = reader.read_codes(length, code_bits(size))
        reader.align()
        if length and run.max() >= size:
            raise CorruptStream(f"a code of {run.max()} in a codebook of {size} entries")
        runs.append(run)
    reader.finish()
    return runs


def run_bits(length: int, size: int) -> int:
    """Size of one packed run in bits, padding included."""
    return -(-length * code_bits(size) // 8) * 8
