"""Numbers and names as people read them."""

from __future__ import annotations

import re

LAYOUTS = {1: "mono", 2: "stereo"}
HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, which could drive a terminal, those that begin a line or turn the direction of writing, and
halves of characters."""
ESCAPED = re.compile("[\udc80-\udcff]+")
"""Bytes of names that Python could not decode."""


def printable(text: str) -> str:
    """`text` as one line for a terminal: harmful characters and undecodable bytes become `�`."""
    legible = ESCAPED.sub(lambda bytes_: bytes_[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace"), text)
    return HARMFUL.sub("�", " ".join(re.split(r"[\t\n\r]+", legible)))


def clock(seconds: float) -> str:
    """`0:12.3`, `3:45.0`, `1:02:03.4`."""
    hours, rest = divmod(round(10 * seconds), 36_000)
    minutes, tenths = divmod(rest, 600)
    end = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{end}" if hours else f"{minutes}:{end}"


def kilobits(bitrate: float) -> str:
    return f"{bitrate / 1000:.2f} kbit/s"


def kilohertz(sample_rate: int) -> str:
    return f"{sample_rate / 1000:g} kHz"


def size(count: int) -> str:
    """Bytes in decimal units."""
    if count < 1000:
        return counted(count, "byte")
    value, units = count / 1000, iter(("kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 999.95 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{value:.1f} {unit}"


def times_real_time(seconds: float, elapsed: float) -> str:
    """Seconds of sound for each second of work."""
    return f"{seconds / max(elapsed, 1e-3):.1f}x real time"


def layout(channels: int) -> str:
    return LAYOUTS.get(channels, f"{channels} channels")


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
