"""Tags and pictures of any sound file. What reads them is imported for files that may have some."""

from __future__ import annotations

import os
import warnings
from typing import BinaryIO

from nac_cli.audio.decoder import Warn
from nac_cli.audio.headers import is_bare
from nac_cli.audio.source import Source, open_source
from nac_cli.values import Tags


def read_tags(source: str | os.PathLike | BinaryIO | Source, warn: Warn = warnings.warn) -> Tags:
    """Tags and pictures of a sound file, by path or as a seekable file object (it is read from its start).

    Reads FLAC, Ogg, MP3, M4A/MP4, WMA, WAV and AIFF (ID3 chunk, then RIFF INFO and the like), APE, and what
    FFmpeg knows of other containers. Tags that are damaged or have no counterpart are told to `warn`; they
    are no error. Raises `AudioError` only if the file cannot be opened.
    """
    origin = open_source(source)
    try:
        return read_open_tags(origin.file, origin.name, warn)
    finally:
        origin.close()


def read_open_tags(file: BinaryIO, name: str, warn: Warn) -> Tags:
    """Like `read_tags`, of a seekable file that messages call `name`; leaves the file anywhere."""
    if is_bare(file):
        return Tags()
    from nac_cli.audio.tags.sound_files import tags_of

    return tags_of(file, name, warn)
