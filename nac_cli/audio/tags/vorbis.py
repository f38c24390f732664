"""Vorbis comments (FLAC, Ogg) from and to the common vocabulary, which is theirs."""

from __future__ import annotations

import base64
import binascii

from mutagen import flac

from nac_cli.audio.tags.values import clean_key
from nac_cli.values import Picture, Tags

Comments = list[tuple[str, str]]
"""mutagen's Vorbis comments are such a list."""
PICTURE_KEY = "METADATA_BLOCK_PICTURE"
"""A comment that holds a FLAC picture block in base64 (Xiph's VorbisComment page)."""


def from_vorbis(comments: Comments, blocks: list[flac.Picture]) -> tuple[Tags, set[str]]:
    """Tags from comments and FLAC picture blocks, and the names of comments that could not be read."""
    items: list[tuple[str, str]] = []
    pictures = [_from_block(block) for block in blocks]
    left: set[str] = set()
    for name, value in comments:
        key = clean_key(name)
        if key != PICTURE_KEY:
            items.append((key, value))
            continue
        try:
            pictures.append(_from_block(flac.Picture(base64.b64decode(value, validate=True))))
        except (flac.error, binascii.Error, ValueError):
            left.add(key)
    return Tags(tuple(items), tuple(pictures)), left


def into_vorbis(tags: Tags, comments: Comments) -> None:
    """Replace all comments, pictures aside, by the items of `tags`."""
    comments[:] = [(key, value) for key, value in tags.items]


def picture_comments(tags: Tags) -> list[tuple[str, str]]:
    """The pictures of `tags` as comments, for Ogg, which has no picture blocks."""
    blocks = [to_block(picture).write() for picture in tags.pictures]
    return [(PICTURE_KEY, base64.b64encode(block).decode("ascii")) for block in blocks]


def to_block(picture: Picture) -> flac.Picture:
    """mutagen's record of a picture."""
    block = flac.Picture()
    block.type, block.mime, block.desc = picture.type, picture.mime, picture.description
    block.width, block.height = picture.width, picture.height
    block.depth, block.colors, block.data = picture.depth, picture.colours, picture.data
    return block


def _from_block(block: flac.Picture) -> Picture:
    size = block.width, block.height, block.depth, block.colors
    return Picture(int(block.type), block.mime, block.desc, *size, bytes(block.data))
