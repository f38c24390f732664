"""Sample widths of what FFmpeg decodes: of lossless codecs, and 0 for lossy ones.

Sources: the WavPack 4 & 5 binary file format (flags of a block's header); Apple's ALACMagicCookieDescription; the TTA1
header; RFC 9639, section 8.2.
"""

from __future__ import annotations

import struct

import av

WAVPACK_HYBRID, WAVPACK_FLOAT = 0x8, 0x80
FORMAT_BITS = {"u8": 8, "s16": 16, "s32": 24, "flt": 32, "dbl": 32}
"""Widths by FFmpeg's sample format, where nothing tells more: 24 bits are kept in integers of 32."""


def source_bits(codec: av.AudioCodecContext, head: bytes) -> int:
    """Sample width 8..32, 0 for a lossy or unknown source. `head` is the beginning of the file."""
    if codec.name == "wavpack":  # which FFmpeg calls lossy and lossless, as it can be both
        return _wavpack_bits(codec, head)
    if codec.codec.lossy or not codec.codec.lossless:
        return 0
    stated = _stated_bits(codec)
    return stated if 8 <= stated <= 32 else _format_bits(codec)


def _stated_bits(codec: av.AudioCodecContext) -> int:
    """The width that the codec's own header says, 0 if it says none."""
    data = codec.extradata or b""
    if codec.name == "alac" and len(data) >= 18:
        return data[17]
    if codec.name == "tta" and data.startswith(b"TTA") and len(data) >= 10:
        return struct.unpack_from("<H", data, 8)[0]
    if codec.name == "flac" and len(data) >= 14:
        return ((data[12] & 1) << 4 | data[13] >> 4) + 1
    return 32 if codec.name.startswith("pcm_s32") else 0


def _wavpack_bits(codec: av.AudioCodecContext, head: bytes) -> int:
    if not head.startswith(b"wvpk") or len(head) < 28:  # in another container blocks have no such header
        return _format_bits(codec)
    flags = struct.unpack_from("<I", head, 24)[0]
    if flags & WAVPACK_HYBRID:
        return 0
    return 32 if flags & WAVPACK_FLOAT else 8 * ((flags & 3) + 1) - (flags >> 13 & 31)


def _format_bits(codec: av.AudioCodecContext) -> int:
    return FORMAT_BITS.get(codec.format.name.rstrip("p"), 0)
