"""The first bytes of an MPEG audio file: is it one, and does it state its length?"""

from __future__ import annotations

from typing import BinaryIO

HEAD_BYTES = 4096
LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")


def is_mpeg(file: BinaryIO) -> bool:
    """Whether the file begins like MPEG audio (MP3, MP2, AAC), perhaps behind an ID3v2 tag."""
    head = behind_id3(file)
    return len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0


def states_length(file: BinaryIO) -> bool:
    """Whether the first frame is a Xing, LAME or VBRI header, which knows the number of frames."""
    return is_mpeg(file) and any(tag in behind_id3(file)[:256] for tag in LENGTH_TAGS)


def behind_id3(file: BinaryIO) -> bytes:
    """The first bytes behind ID3v2 tags, and behind the zeros that some taggers leave there."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(HEAD_BYTES)
        if head[:3] != b"ID3" or len(head) < 10:
            return head.lstrip(b"\0")
        high, upper, lower, low = (byte & 0x7F for byte in head[6:10])
        start += 10 + (high << 21 | upper << 14 | lower << 7 | low)
