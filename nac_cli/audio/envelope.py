"""Tags that stand in front of a sound file or behind it, whatever its format: ID3v2, APEv2, ID3v1, Lyrics3.

Sources: ID3 tag version 2.4.0, sections 3.1 and 3.4; APE Tags Header (hydrogenaud.io); Lyrics3 v2.00.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from nac_cli.audio.view import read_at, size_of

ID3_BYTES, APE_BYTES, ID3V1_BYTES, LYRICS_BYTES = 10, 32, 128, 15
ID3_FOOTER = 0x10
APE_HAS_HEADER, APE_IS_HEADER = 1 << 31, 1 << 29
MOST_TAGS = 20
MOST_PADDING = 1 << 16
"""Zeros that some taggers leave behind a tag."""


def inner(file: BinaryIO) -> tuple[int, int]:
    """[start, stop) of what tags stand around; the whole file if a tag claims more than there is."""
    size = size_of(file)
    start = _behind_leading(file)
    if start >= size:
        return 0, size
    return start, max(start, _before_trailing(file, size))


def _behind_leading(file: BinaryIO) -> int:
    start = 0
    for _ in range(MOST_TAGS):
        head = read_at(file, start, APE_BYTES)
        if head[:3] == b"ID3" and len(head) >= ID3_BYTES:
            start += ID3_BYTES + _syncsafe(head[6:10]) + ID3_BYTES * bool(head[5] & ID3_FOOTER)
        elif (ape := _ape(head)) and ape[1] & APE_IS_HEADER:
            start += APE_BYTES + ape[0]
        else:
            break
        padding = read_at(file, start, MOST_PADDING)
        start += len(padding) - len(padding.lstrip(b"\0"))
    return start


def _before_trailing(file: BinaryIO, stop: int) -> int:
    for _ in range(MOST_TAGS):
        tail = read_at(file, max(0, stop - ID3V1_BYTES), min(stop, ID3V1_BYTES))
        if len(tail) == ID3V1_BYTES and tail.startswith(b"TAG"):
            cut = ID3V1_BYTES
        elif tail[-9:] == b"LYRICS200" and tail[-LYRICS_BYTES:-9].isdigit():
            cut = LYRICS_BYTES + int(tail[-LYRICS_BYTES:-9])
        elif (ape := _ape(tail[-APE_BYTES:])) and not ape[1] & APE_IS_HEADER:
            cut = ape[0] + APE_BYTES * bool(ape[1] & APE_HAS_HEADER)
        elif tail[-ID3_BYTES:][:3] == b"3DI":
            cut = 2 * ID3_BYTES + _syncsafe(tail[-4:])
        else:
            break
        if cut > stop:
            break
        stop -= cut
    return stop


def _syncsafe(data: bytes) -> int:
    """28 bits in four bytes of seven."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data)))


def _ape(data: bytes) -> tuple[int, int] | None:
    """Size and flags of an APEv2 tag's header or footer, None if it is none."""
    if len(data) < APE_BYTES or not data.startswith(b"APETAGEX"):
        return None
    size, _, flags = struct.unpack_from("<III", data, 12)
    return size, flags
