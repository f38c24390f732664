"""Variable-length integers: unsigned LEB128, seven bits a byte, lowest first, the top bit set in all but the last."""

from __future__ import annotations


def pack_varint(value: int) -> bytes:
    """`value`, 0 or more, in the fewest bytes."""
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def read_varint(data: bytes, position: int, longest: int) -> tuple[int, int]:
    """The number at `position`, and where it ends.

    Raises EOFError where `data` end first, ValueError saying why for what is longer than `longest` bytes or than it
    needs to be.
    """
    value = 0
    for place in range(longest):
        if position + place >= len(data):
            raise EOFError
        octet = data[position + place]
        value |= (octet & 0x7F) << 7 * place
        if octet < 0x80:
            if octet == 0 and place > 0:
                raise ValueError("a varint with a needless last byte")
            return value, position + place + 1
    raise ValueError(f"a varint of more than {longest} bytes")
