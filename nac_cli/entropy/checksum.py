"""The checksum over a chunk's side information and codes, the same for every entropy mode."""

from __future__ import annotations

import zlib
from itertools import chain

import numpy as np

from nac_cli.values import ABSENT, ChunkCodes


def token_checksum(chunk: ChunkCodes) -> int:
    """CRC-32 (zlib) of angles, gains and depths as u8, then of the codes as u16, little-endian.

    Arrays are in C order, codes channel by channel, plane by plane, those present only.
    """
    checksum = 0
    for values in (chunk.angles, chunk.gains, chunk.depths):
        checksum = zlib.crc32(np.asarray(values).astype(np.uint8).tobytes(), checksum)
    for codes in chain.from_iterable(chunk.codes):
        checksum = zlib.crc32(codes[codes != ABSENT].astype("<u2").tobytes(), checksum)
    return checksum
