"""Bits in and out of bytes, most significant bit first.

Whole planes of codes move through numpy's `packbits` and `unpackbits` in one call. For that the writer keeps
one byte per bit (a chunk is some ten kilobytes); the reader, whose input is not to be trusted, expands only
the codes it was asked for.
"""

from __future__ import annotations

import numpy as np

from nac_cli.errors import CorruptStream

CODE_BITS = 16
"""The widest code that the array methods take."""


class BitWriter:
    """Collects bits; `to_bytes` pads the last byte with zeros."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def write(self, value: int, width: int) -> None:
        """Append `value` (0 <= value < 2^width) as `width` bits."""
        self._bits.extend((value >> shift) & 1 for shift in range(width - 1, -1, -1))

    def write_unary(self, value: int) -> None:
        """Append `value` ones and a zero."""
        self._bits.extend(b"\1" * value + b"\0")

    def write_codes(self, codes: np.ndarray, width: int) -> None:
        """Append every code of the integer array `[F]` as `width` bits, 0 <= width <= 16."""
        octets = codes.astype(">u2").view(np.uint8).reshape(-1, 2)
        bits = np.unpackbits(octets, axis=1)[:, CODE_BITS - width :]
        self._bits.extend(bits.tobytes())

    def align(self) -> None:
        """Append zeros up to the next byte boundary."""
        self._bits.extend(bytes(-len(self._bits) % 8))

    def to_bytes(self) -> bytes:
        return np.packbits(np.frombuffer(self._bits, np.uint8)).tobytes()


class BitReader:
    """Reads back what `BitWriter` wrote; all methods raise `CorruptStream` where the bytes cannot be that."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def read(self, width: int) -> int:
        """The next `width` bits as an unsigned integer."""
        start, end = self._advance(width)
        octets = int.from_bytes(self._data[start // 8 : -(-end // 8)], "big")
        return (octets >> (-end % 8)) & ((1 << width) - 1)

    def read_unary(self, limit: int) -> int:
        """The number of ones before the next zero, at most `limit`."""
        start = self._position
        window = min(limit + 1, 8 * len(self._data) - start)
        flipped = self.read(window) ^ ((1 << window) - 1)
        value = window - flipped.bit_length()
        if value == window:
            raise CorruptStream(f"payload bit {start}: over {limit} ones in a row, or the payload ends early")
        self._position = start + value + 1
        return value

    def read_codes(self, count: int, width: int) -> np.ndarray:
        """The next `count` codes of `width` bits each (0 <= width <= 16), int32 `[count]`."""
        start, end = self._advance(count * width)
        taken = np.unpackbits(np.frombuffer(self._data[start // 8 : -(-end // 8)], np.uint8))
        bits = np.zeros((count, CODE_BITS), np.uint8)
        bits[:, CODE_BITS - width :] = taken[start % 8 :][: end - start].reshape(count, width)
        return np.packbits(bits, axis=1).view(">u2").reshape(count).astype(np.int32)

    def align(self) -> None:
        """Skip to the next byte boundary; the bits between must be zero."""
        if self.read(-self._position % 8):
            raise CorruptStream(f"payload byte {self._position // 8 - 1}: padding bits are not zero")

    def rest(self) -> bytes:
        """All bytes from here (a byte boundary) to the end."""
        return self._data[self._position // 8 :]

    def finish(self) -> None:
        """Check that nothing is left."""
        left = 8 * len(self._data) - self._position
        if left:
            raise CorruptStream(f"payload holds {left} bits more than its codes need")

    def _advance(self, count: int) -> tuple[int, int]:
        """Positions of the first of the next `count` bits, and of the bit after the last."""
        start, end = self._position, self._position + count
        if end > 8 * len(self._data):
            raise CorruptStream(f"payload ends early: {len(self._data)} bytes, {-(-end // 8)} or more needed")
        self._position = end
        return start, end
