"""The range encoder of format_spec.md section 8.4: `lower` is a number of any size, carries need no care."""

from __future__ import annotations


class RangeEncoder:
    """Words of codes of which only the cumulative frequency and the frequency are given."""

    def __init__(self) -> None:
        self.lower, self.range = 0, 2**64 - 1
        self.refills = 0
        self.any = False

    def encode(self, cumulative: int, frequency: int) -> None:
        self.any = True
        scale = self.range >> 24
        self.lower += scale * 256 * cumulative
        self.range = scale * 256 * frequency
        if self.range < 2**32:
            self.lower <<= 32
            self.range <<= 32
            self.refills += 1

    def words(self) -> bytes:
        if not self.any:
            return b""
        last = (self.lower + 2**32 - 1) >> 32
        words = [last >> 32 * (self.refills - i) & 0xFFFFFFFF for i in range(self.refills + 1)]
        if (self.lower + self.range) >> 32 & 0xFFFFFFFF == words[-1]:
            words.append(0)
        return b"".join(word.to_bytes(4, "little") for word in words)
