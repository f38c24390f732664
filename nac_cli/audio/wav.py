"""The header of a WAV file, written by nac itself so that it can go to a pipe.

Layout: Microsoft's Multimedia Programming Interface 1.0 and WAVEFORMATEXTENSIBLE; EBU Tech 3306 for RF64.
"""

from __future__ import annotations

import struct

from nac_cli.speakers import usual

UNKNOWN_SIZE = 0xFFFFFFFF
"""The size that programs write on a pipe, where they cannot know it; in RF64 it points to `ds64`."""

PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def wav_header(
    sample_rate: int,
    channels: int,
    bits: int,
    num_samples: int | None,
    reserve: bool = False,
    speakers: int | None = None,
) -> bytes:
    """All of a WAV file in front of its samples.

    `bits` 16 and 24 are integers, 32 is float32. `num_samples` None (a pipe of unknown length) gives sizes of
    0xFFFFFFFF, more than 4 GiB an RF64 header. `reserve` keeps room for the latter (a JUNK chunk), so that a
    header of the same length can take its place once the length is known. `speakers` is the mask of the channels'
    speakers, None for the usual ones.
    """
    block = channels * bits // 8
    data = None if num_samples is None else num_samples * block
    chunks = _chunk(b"fmt ", _format(sample_rate, channels, bits, speakers))
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


def _format(sample_rate: int, channels: int, bits: int, speakers: int | None) -> bytes:
    """WAVEFORMAT, or WAVEFORMATEXTENSIBLE, which names the speakers, above two channels or for unusual ones."""
    tag = IEEE_FLOAT if bits == 32 else PCM
    block = channels * bits // 8
    tail = (channels, sample_rate, sample_rate * block, block, bits)
    if channels > 2 or speakers is not None:
        mask = usual(channels) if speakers is None else speakers
        extension = struct.pack("<HHIH", 22, bits, mask, tag) + SUBFORMAT_TAIL
        return struct.pack("<HHIIHH", EXTENSIBLE, *tail) + extension
    return struct.pack("<HHIIHH", tag, *tail) + (b"\0\0" if tag == IEEE_FLOAT else b"")
