"""The parts of RIFF/WAVE that nac handles itself: writing on a pipe, and finding sound behind a header's end.

Layout: Microsoft's Multimedia Programming Interface 1.0 and WAVEFORMATEXTENSIBLE; EBU Tech 3306 for RF64.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

UNKNOWN_SIZE = 0xFFFFFFFF
"""The size that programs write on a pipe, where they cannot know it; in RF64 it points to `ds64`."""

PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
MOST_CHUNKS = 1000
"""Chunks in front of the sound that are looked through."""
SPEAKERS = {1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
"""Speaker masks in FLAC's channel order: mono, stereo, L R C, quadro, 5.0, 5.1, 6.1, 7.1."""


def wav_header(sample_rate: int, channels: int, bits: int, num_samples: int | None, reserve: bool = False) -> bytes:
    """The header of a WAV file: all bytes in front of its samples.

    `bits` 16 and 24 are integers, 32 is float32. `num_samples` None (a pipe of unknown length) gives sizes of
    0xFFFFFFFF, more than 4 GiB an RF64 header. `reserve` keeps room for the latter (a JUNK chunk), so that a
    header of the same length can take its place once the length is known.
    """
    block = channels * bits // 8
    data = None if num_samples is None else num_samples * block
    chunks = _chunk(b"fmt ", _format(sample_rate, channels, bits))
    if bits == 32:
        chunks += _chunk(b"fact", struct.pack("<I", min(num_samples or 0, UNKNOWN_SIZE)))
    if data is None:
        place = _chunk(b"JUNK", bytes(28)) if reserve else b""
        return _riff(b"RIFF", UNKNOWN_SIZE, place + chunks, UNKNOWN_SIZE)
    place = _chunk(b"JUNK", bytes(28)) if reserve else b""
    size = 4 + len(place) + len(chunks) + 8 + data + data % 2
    if size < UNKNOWN_SIZE:
        return _riff(b"RIFF", size, place + chunks, data)
    size = 4 + 36 + len(chunks) + 8 + data + data % 2
    place = _chunk(b"ds64", struct.pack("<QQQI", size, data, num_samples, 0))
    return _riff(b"RF64", UNKNOWN_SIZE, place + chunks, UNKNOWN_SIZE)


def _riff(magic: bytes, size: int, chunks: bytes, data: int) -> bytes:
    return magic + struct.pack("<I", size) + b"WAVE" + chunks + b"data" + struct.pack("<I", data)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body


def _format(sample_rate: int, channels: int, bits: int) -> bytes:
    """WAVEFORMAT, or WAVEFORMATEXTENSIBLE above two channels (it names the speakers)."""
    tag = IEEE_FLOAT if bits == 32 else PCM
    block = channels * bits // 8
    tail = (channels, sample_rate, sample_rate * block, block, bits)
    if channels > 2:
        extension = struct.pack("<HHIH", 22, bits, SPEAKERS[channels], tag) + SUBFORMAT_TAIL
        return struct.pack("<HHIIHH", EXTENSIBLE, *tail) + extension
    return struct.pack("<HHIIHH", tag, *tail) + (b"\0\0" if tag == IEEE_FLOAT else b"")


def runs_on(file: BinaryIO) -> bool:
    """Whether a WAV file holds sound behind the end that its header gives.

    A recorder that crashed leaves a length of zero or a stale one; a writer that knows no RF64 lets the
    length wrap around at 4 GiB. What follows a `data` chunk is taken for sound unless it begins like another
    chunk or a tag.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    magic, _, form = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if magic != b"RIFF" or form != b"WAVE":
        return False
    for _ in range(MOST_CHUNKS):
        name, size = struct.unpack("<4sI", file.read(8).ljust(8, b"\0"))
        if name == b"data":
            break
        file.seek(size + size % 2, os.SEEK_CUR)
    end = file.tell() + size
    if name != b"data" or end + 8 >= length:
        return False
    file.seek(end)
    nine = file.read(9)  # a byte of padding may come first
    return not (_names_something(nine[:4]) or _names_something(nine[1:5]))


def _names_something(name: bytes) -> bool:
    """Whether four bytes look like a chunk's or a tag's name (`LIST`, `id3 `, `TAG`, `APET`)."""
    return name[:3] in (b"ID3", b"TAG") or all(32 <= byte < 127 for byte in name)
