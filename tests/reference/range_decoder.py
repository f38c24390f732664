"""The range decoder of format_spec.md section 8.4, in plain integers: slow, short, independent of nac_cli."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

MASK64 = 2**64 - 1


class RangeDecoder:
    """Decodes symbols from `data`, a sequence of 32-bit little-endian words; words past the end are zero."""

    def __init__(self, data: bytes) -> None:
        if len(data) % 4:
            raise ValueError("a range coded section is a whole number of 32-bit words")
        self.words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        self.next_word = 0
        self.lower = 0
        self.range = MASK64
        self.point = self._read_word() << 32
        self.point |= self._read_word()

    def _read_word(self) -> int:
        word = self.words[self.next_word] if self.next_word < len(self.words) else 0
        self.next_word += 1
        return word

    def decode(self, frequencies: list[int]) -> int:
        """The next symbol under integer `frequencies` (each >= 1, sum 65536)."""
        cumulative = [0, *accumulate(frequencies)]
        scale = self.range >> 24
        quantile = ((self.point - self.lower) & MASK64) // scale
        if quantile >= 2**24:
            raise ValueError("corrupt: the quantile lies outside of the table")
        symbol = bisect_right(cumulative, quantile >> 8) - 1
        self.lower = (self.lower + scale * (cumulative[symbol] << 8)) & MASK64
        self.range = scale * (frequencies[symbol] << 8)
        if self.range < 2**32:
            self.lower = (self.lower << 32) & MASK64
            self.range <<= 32
            self.point = ((self.point << 32) & MASK64) | self._read_word()
        return symbol
