"""Tags and pictures of sound files, read and written with mutagen."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import av
import mutagen
import soundfile as sf
from mutagen import apev2, asf, flac, id3, mp4, oggvorbis, wave

from nac_cli.audio.decoder import Warn
from nac_cli.audio.mpeg import behind_id3
from nac_cli.audio.source import Source, open_source
from nac_cli.audio.tags.id3 import from_id3, into_id3
from nac_cli.audio.tags.others import from_ape, from_asf, from_ffmpeg, from_mp4, from_sndfile
from nac_cli.audio.tags.vorbis import from_vorbis, into_vorbis, picture_comments, to_block
from nac_cli.errors import AudioError
from nac_cli.values import Picture, Tags

CONVERTERS = {id3.ID3Tags: from_id3, mp4.MP4Tags: from_mp4, asf.ASFTags: from_asf, apev2.APEv2: from_ape}
OF_THE_ENCODING = {"ENCODER", "ENCODER_OPTIONS", "ENCODERSETTINGS", "ENCODINGSETTINGS"}
"""Keys that tell how the source file was made, which is not true of another file."""
__all__ = ["Picture", "Tags", "read_tags", "write_tags"]


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
    found, left = Tags(), set[str]()
    try:
        found, left = _mutagen_tags(file)
    except Exception as error:  # mutagen meets damage with any of them, and tags are not the sound
        warn(f"{name}: its tags cannot be read ({error or type(error).__name__}); they are left out")
    if left:
        warn(f"{name}: tags that are not text are left out ({', '.join(sorted(left))})")
    items = found.items + _more_items(file, {key for key, _ in found.items})
    return Tags(tuple(item for item in items if item[0] not in OF_THE_ENCODING), found.pictures)


def _more_items(file: BinaryIO, keys: set[str]) -> tuple[tuple[str, str], ...]:
    """Items that RIFF INFO and the like add to the `keys` of an ID3 chunk; without keys all that FFmpeg knows."""
    file.seek(0)
    if keys and file.read(4) not in (b"RIFF", b"FORM"):
        return ()
    try:
        more = from_sndfile(file) if keys else from_ffmpeg(file)
    except (av.FFmpegError, sf.LibsndfileError, OSError, ValueError):
        return ()
    return tuple(item for item in more if item[0] not in keys)


def _mutagen_tags(file: BinaryIO) -> tuple[Tags, set[str]]:
    """Tags, and the names of what is left out."""
    magic = behind_id3(file)[:4]
    if magic == b"RF64":  # mutagen takes it for a broken WAV file
        return Tags(), set()
    file.seek(0)
    sound = flac.FLAC(fileobj=file) if magic == b"fLaC" else mutagen.File(fileobj=file)
    tags = None if sound is None else sound.tags
    if tags is not None and hasattr(tags, "vendor"):  # only Vorbis comments have one
        return from_vorbis(tags, getattr(sound, "pictures", []))
    for kind, convert in CONVERTERS.items():
        if isinstance(tags, kind):
            return convert(tags)
    return Tags(), set()


def write_tags(target: str | os.PathLike | BinaryIO, tags: Tags, warn: Warn = warnings.warn) -> None:
    """Replace the tags and pictures of a FLAC, Ogg Vorbis or WAV file (an ID3 chunk), in place.

    `target` is a path or a file object open for reading and writing. An RF64 file (WAV beyond 4 GiB) has no
    place for tags: `warn` is told. ID3 knows no empty values. Raises `AudioError` if the file cannot be
    written or is of another format.
    """
    if isinstance(target, (str, os.PathLike)):
        with _faults(str(target)), open(target, "r+b") as file:
            _write(file, str(target), tags, warn)
    else:
        with _faults("the output"):
            _write(target, "the output", tags, warn)


def _write(file: BinaryIO, name: str, tags: Tags, warn: Warn) -> None:
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    if magic == b"RF64":
        warn(f"{name}: a WAV file beyond 4 GiB cannot carry tags; they are left out")
        return
    if magic == b"RIFF":
        sound = wave.WAVE(fileobj=file)
        if sound.tags is None:
            sound.add_tags()
        into_id3(tags, sound.tags)
    elif magic == b"fLaC":
        sound = flac.FLAC(fileobj=file)
        if sound.tags is None:
            sound.add_tags()
        into_vorbis(tags, sound.tags)
        sound.clear_pictures()
        for picture in tags.pictures:
            sound.add_picture(to_block(picture))
    elif magic == b"OggS":
        sound = oggvorbis.OggVorbis(fileobj=file)
        into_vorbis(Tags(tags.items + tuple(picture_comments(tags))), sound.tags)
    else:
        raise AudioError(f"{name} is neither WAV nor FLAC nor Ogg Vorbis: nac cannot write tags into it")
    file.seek(0)
    sound.save(fileobj=file)


@contextmanager
def _faults(name: str) -> Iterator[None]:
    """Turn what mutagen and the system raise inside into `AudioError`."""
    try:
        yield
    except (mutagen.MutagenError, OSError, ValueError) as error:
        raise AudioError(f"the tags of {name} cannot be written: {error}") from error
