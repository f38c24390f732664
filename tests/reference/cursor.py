"""The fields of format_spec.md section 2, read one after the other."""

from __future__ import annotations


class Cursor:
    """Fields of a payload, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def raw(self, size: int) -> bytes:
        if size > len(self.data):
            raise ValueError("corrupt: a field is cut off")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def u(self, size: int) -> int:
        return int.from_bytes(self.raw(size), "little")

    def varint(self) -> int:
        value, shift = 0, 0
        while shift < 63:
            byte = self.u(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                if byte == 0 and shift > 7:
                    raise ValueError("corrupt: a varint is longer than it needs to be")
                return value
        raise ValueError("corrupt: a varint of more than nine bytes")
