"""The order of channels in Ogg Vorbis and Opus, and the usual one (WAV, FLAC and nac).

Sources: Vorbis I specification, section 4.3.9; RFC 7845, section 5.1.1.2.
"""

from __future__ import annotations

from typing import BinaryIO

from nac_cli.audio.view import read_at

PLACES = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}
"""Place in Xiph's order of each channel of the usual one, by number of channels; where none is given they are alike."""
VORBIS_FAMILY = 1
"""The mapping family of Opus whose channels are those of Vorbis; in others they are discrete (255) or Ambisonics."""


def from_xiph(channels: int) -> list[int]:
    """Indices that bring channels of Xiph's order into the usual one: `sound[from_xiph(C)]`."""
    return list(PLACES.get(channels, range(channels)))


def to_xiph(channels: int) -> list[int]:
    """The inverse of `from_xiph`."""
    places = from_xiph(channels)
    return [places.index(place) for place in range(channels)]


def has_speakers(file: BinaryIO) -> bool:
    """Whether the channels of an Ogg file, with Vorbis or Opus as its first stream, are those of Xiph's order."""
    head = read_at(file, 0, 512)
    at = head.find(b"OpusHead")
    return at < 0 or head[at + 18 : at + 19] == bytes([VORBIS_FAMILY])
