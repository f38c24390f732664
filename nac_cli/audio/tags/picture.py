"""A picture file as what tags hold: its media type and its measures come from its bytes.

Sources: PNG (W3C, third edition, sections 11.2.1 and 11.2.2), JPEG (ITU-T T.81, annex B), GIF89a (sections
17 to 19), WebP (RFC 9649, section 2).
"""

from __future__ import annotations

import os
import struct

from nac_cli.errors import AudioError, LimitExceeded
from nac_cli.values import FRONT_COVER, Picture

MAX_BYTES = 2**24 - 2**10
"""Largest size of a picture in bytes, a little less than a block holds."""

PNG = b"\x89PNG\r\n\x1a\n"
PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Samples per pixel of PNG, by colour type."""

UNREADABLE = (struct.error, IndexError, KeyError, ValueError)
"""Exceptions that missing or meaningless bytes raise."""

Measures = tuple[int, int, int, int]
"""Width, height, bits of a pixel, colours of the palette (0: none)."""


def read_picture(path: str | os.PathLike, kind: int = FRONT_COVER) -> Picture:
    """The PNG, JPEG, GIF or WebP file at `path`, which is not decoded, as a picture of the type `kind`.

    Raises AudioError where it cannot be read or is none of these, LimitExceeded where it is too large.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); check the path and its permissions"
        raise AudioError(f"{path}: {reason}") from error
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"{path}: is too large, a picture has at most {MAX_BYTES} bytes")
    try:
        mime, measures = _measured(data)
    except UNREADABLE as error:
        raise AudioError(f"{path}: is damaged, its width and height cannot be found") from error
    if mime is None:
        raise AudioError(f"{path}: is no picture that nac knows; use PNG, JPEG, GIF or WebP")
    return Picture(kind, mime, "", *measures, data)


def _measured(data: bytes) -> tuple[str | None, Measures]:
    """Media type, None for an unknown one, and measures. Raises UNREADABLE."""
    if data.startswith(PNG):
        return "image/png", _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", _jpeg(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif", _gif(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp", _webp(data)
    return None, (0, 0, 0, 0)


def _png(data: bytes) -> Measures:
    width, height, bits, colour = struct.unpack_from(">4s2I2B", data, 12)[1:]
    if colour != 3:
        return width, height, bits * PNG_SAMPLES[colour], 0
    start = len(PNG)
    while True:  # to the palette, whose colours have eight bits a sample
        size, kind = struct.unpack_from(">I4s", data, start)
        if kind == b"PLTE":
            return width, height, 24, size // 3
        start += size + 12


def _jpeg(data: bytes) -> Measures:
    start = 2
    while True:  # to the frame header; what is no marker, and 0xFF before one, are passed over
        start = data.index(b"\xff", start)
        marker = data[start + 1]
        if marker == 0xFF:
            start += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, components = struct.unpack_from(">B2HB", data, start + 4)
            return width, height, bits * components, 0
        elif 0xD0 <= marker <= 0xD7 or marker == 0x01:  # markers without a segment
            start += 2
        else:
            start += 2 + max(2, struct.unpack_from(">H", data, start + 2)[0])


def _gif(data: bytes) -> Measures:
    width, height, flags = struct.unpack_from("<2HB", data, 6)
    return width, height, 24, 2 << (flags & 7) if flags & 0x80 else 0


def _webp(data: bytes) -> Measures:
    kind = data[12:16]
    if kind == b"VP8X":
        flags, low, high, low2, high2 = struct.unpack_from("<B3xHBHB", data, 20)
        return (low | high << 16) + 1, (low2 | high2 << 16) + 1, 32 if flags & 0x10 else 24, 0
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 32 if bits >> 28 & 1 else 24, 0
    width, height = struct.unpack_from({b"VP8 ": "<2H"}[kind], data, 26)
    return width & 0x3FFF, height & 0x3FFF, 24, 0
