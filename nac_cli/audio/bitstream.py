"""Compressed sound that is packed into samples, for a receiver at the other end of an S/PDIF cable to decode.

Played or coded as samples it is noise. Sources: IEC 61937-1, section 6.1 (preambles) and IEC 61937-2 (data types); ETSI
TS 102 114, section 5.3 (DTS sync words in 16 and in 14 bits).
"""

from __future__ import annotations

import numpy as np

PREAMBLE = 0xF872, 0x4E1F
"""Pa and Pb; the word behind them has the data type in its lower bits."""
DTS = (0x7FFE, 0x8001, 0xFC00, 0xFC00), (0x1FFF, 0xE800, 0xFFF0, 0x07F0)
"""Two words, and a mask and a value of the third."""
TYPES = {1: "AC-3", 4: "MPEG", 5: "MPEG", 6: "MPEG", 7: "AAC", 8: "MPEG", 9: "MPEG", 11: "DTS", 12: "DTS", 13: "DTS",
         17: "DTS-HD", 21: "E-AC-3", 22: "TrueHD"}  # fmt: skip
LEAST_FOUND = 2


def packed_bitstream(words: np.ndarray) -> str | None:
    """Name of the compressed sound in samples of 16 bits, int16 `[N]`, channels interleaved; None for none."""
    unsigned = words.view(np.uint16)
    for order in (unsigned, unsigned.byteswap()):
        first, second, third = order[:-2], order[1:-1], order[2:]
        at = np.flatnonzero((first == PREAMBLE[0]) & (second == PREAMBLE[1]))
        if len(at) >= LEAST_FOUND:
            return TYPES.get(int(third[at[0]]) & 0x1F, "a bitstream")
        for one, two, mask, value in DTS:
            if np.count_nonzero((first == one) & (second == two) & (third & mask == value)) >= LEAST_FOUND:
                return "DTS"
    return None


def words_of(block: np.ndarray) -> np.ndarray:
    """The upper 16 bits of samples `[C, T]`, full scale 1.0, interleaved."""
    return np.clip(np.floor(block.T.ravel() * np.float32(32768)), -32768, 32767).astype(np.int16)
