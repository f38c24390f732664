"""Integers, bytes and text inside a block's payload: a bounded reader and its mirror image."""

from __future__ import annotations

from nac_cli import varint
from nac_cli.errors import CorruptStream, LimitExceeded

MAX_VARINT_BYTES = 9


def pack_varint(value: int) -> bytes:
    """`value` as unsigned LEB128 in the fewest bytes. Raises `LimitExceeded` unless 0 <= value < 2^63."""
    if not 0 <= value < 2**63:
        raise LimitExceeded(f"{value} does not fit a varint (0 to 2^63 - 1)")
    return varint.pack_varint(value)


def pack_text(text: str) -> bytes:
    """A varint length in bytes, then UTF-8."""
    data = text.encode("utf-8")
    return pack_varint(len(data)) + data


class FieldReader:
    """Reads a payload field by field and never past its end; `where` names the block in messages.

    Each method takes the field's name and raises `CorruptStream` when the bytes cannot be that field.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._where = where
        self._at = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._at

    def corrupt(self, problem: str) -> CorruptStream:
        return CorruptStream(f"{self._where}: {problem}")

    def raw(self, name: str, size: int) -> bytes:
        if size > self.remaining:
            raise self.corrupt(f"{name} needs {size} bytes, the block has {self.remaining} left")
        self._at += size
        return self._data[self._at - size : self._at]

    def u8(self, name: str) -> int:
        return self.raw(name, 1)[0]

    def u32(self, name: str) -> int:
        return int.from_bytes(self.raw(name, 4), "little")

    def u32_big(self, name: str) -> int:
        """Big-endian: only inside pictures, whose layout is FLAC's."""
        return int.from_bytes(self.raw(name, 4), "big")

    def varint(self, name: str) -> int:
        try:
            value, self._at = varint.read_varint(self._data, self._at, MAX_VARINT_BYTES)
        except EOFError as error:
            raise self.corrupt(f"{name} needs 1 bytes, the block has 0 left") from error
        except ValueError as error:
            raise self.corrupt(f"{name} is {error}") from error
        return value

    def number(self, name: str, low: int, high: int) -> int:
        """A varint from `low` to `high`: below is corrupt, above raises `LimitExceeded`."""
        return self.within(name, self.varint(name), low, high)

    def within(self, name: str, value: int, low: int, high: int) -> int:
        if value < low:
            raise self.corrupt(f"{name} is {value}, the least possible is {low}")
        if value > high:
            raise LimitExceeded(f"{self._where}: {name} is {value}, the limit is {high}")
        return value

    def text(self, name: str, low: int, high: int) -> str:
        """UTF-8 behind a varint length of `low` to `high` bytes."""
        return self.utf8(name, self.raw(name, self.number(f"{name} length", low, high)))

    def utf8(self, name: str, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.corrupt(f"{name} is not UTF-8") from error

    def rest(self) -> bytes:
        return self.raw("rest", self.remaining)

    def end(self) -> None:
        """Check that nothing follows the last field."""
        if self.remaining:
            raise self.corrupt(f"{self.remaining} bytes follow the last field")
