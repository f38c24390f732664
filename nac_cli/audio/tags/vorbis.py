"""Vorbis comments (FLAC, Ogg) from and to the common vocabulary, which is theirs."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, BinaryIO

from nac_cli.audio.tags.values import clean_key
from nac_cli.audio.view import read_at
from nac_cli.values import Picture, Tags

if TYPE_CHECKING:
    from mutagen import flac

Comments = list[tuple[str, str]]
"""mutagen's Vorbis comments are such a list."""
PICTURE_KEY = "METADATA_BLOCK_PICTURE"
"""A comment that holds a FLAC picture block in base64 (Xiph's VorbisComment page)."""


SPEAKERS_KEY = "WAVEFORMATEXTENSIBLE_CHANNEL_MASK"
"""A comment of FLAC files that has the mask of speakers, as `0x` and hexadecimal digits (RFC 9639, section 8.6.2)."""


def from_vorbis(comments: Comments, blocks: list[flac.Picture]) -> tuple[Tags, set[str]]:
    """Tags from comments and FLAC picture blocks, and the names of comments that could not be read."""
    from mutagen import flac

    items: list[tuple[str, str]] = []
    pictures = [_from_block(block) for block in blocks]
    left: set[str] = set()
    for name, value in comments:
        key = clean_key(name)
        if key == SPEAKERS_KEY:
            continue
        if key != PICTURE_KEY:
            items.append((key, value))
            continue
        try:
            pictures.append(_from_block(flac.Picture(base64.b64decode(value, validate=True))))
        except (flac.error, binascii.Error, ValueError):
            left.add(key)
    return Tags(tuple(items), tuple(pictures)), left


def flac_speakers(file: BinaryIO) -> int | None:
    """The mask of speakers that the comments of a FLAC file tell, None if they tell none that can be read."""
    if read_at(file, 0, 4) != b"fLaC":
        return None
    from mutagen import flac

    file.seek(0)
    try:
        return int(flac.FLAC(fileobj=file)[SPEAKERS_KEY][0], 0)
    except Exception:  # mutagen meets damage with any of them; the tags' reader tells of it
        return None


def with_speakers(tags: Tags, speakers: int) -> Tags:
    """`tags` with the comment that says so."""
    items = tuple(item for item in tags.items if item[0].upper() != SPEAKERS_KEY)
    return Tags((*items, (SPEAKERS_KEY, f"0x{speakers:04X}")), tags.pictures)


def into_vorbis(tags: Tags, comments: Comments) -> None:
    """Replace all comments, pictures aside, by the items of `tags`."""
    comments[:] = [(key, value) for key, value in tags.items]


def picture_comments(tags: Tags) -> list[tuple[str, str]]:
    """The pictures of `tags` as comments, for Ogg, which has no picture blocks."""
    blocks = [to_block(picture).write() for picture in tags.pictures]
    return [(PICTURE_KEY, base64.b64encode(block).decode("ascii")) for block in blocks]


def to_block(picture: Picture) -> flac.Picture:
    """mutagen's record of a picture."""
    from mutagen import flac

    block = flac.Picture()
    block.type, block.mime, block.desc = picture.type, picture.mime, picture.description
    block.width, block.height = picture.width, picture.height
    block.depth, block.colors, block.data = picture.depth, picture.colours, picture.data
    return block


def _from_block(block: flac.Picture) -> Picture:
    size = block.width, block.height, block.depth, block.colors
    return Picture(int(block.type), block.mime, block.desc, *size, bytes(block.data))
