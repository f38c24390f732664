"""Tags and pictures of sound files, read and written with mutagen."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import av
import mutagen
from mutagen import apev2, asf, flac, id3, mp4, oggvorbis, wave

from nac_cli.audio.decoder import Warn
from nac_cli.audio.envelope import inner
from nac_cli.audio.tags.id3 import from_id3, into_id3
from nac_cli.audio.tags.others import INFO_KEYS, from_ape, from_asf, from_ffmpeg, from_mp4
from nac_cli.audio.tags.vorbis import from_vorbis, into_vorbis, picture_comments, to_block
from nac_cli.audio.view import read_at, size_of, view
from nac_cli.errors import AudioError
from nac_cli.values import Tags

CONVERTERS = {id3.ID3Tags: from_id3, mp4.MP4Tags: from_mp4, asf.ASFTags: from_asf, apev2.APEv2: from_ape}
OF_THE_ENCODING = {"ENCODER", "ENCODER_OPTIONS", "ENCODERSETTINGS", "ENCODINGSETTINGS"}
"""Keys that tell how the source file was made, which is not true of another file."""
MOST_SHOWN = 60
MOST_RIFF_BYTES = 2**32 - 1
ID3_ROOM = 1 << 16
"""Bytes for the head of an ID3 chunk and its padding."""
Reader = Callable[[BinaryIO, Tags], tuple[Tags, set[str]]]
"""Tags, and the names of what is left out, of a file of which some tags are known."""


def tags_of(file: BinaryIO, name: str, warn: Warn) -> Tags:
    """As `reading.read_open_tags`.

    The format's own tags come first; ID3 and APE tags in front of the file and behind it, and what FFmpeg finds, add
    the keys that are not there.
    """
    start, stop = inner(file)
    sound = view(file, start, stop) if start else file
    tags, left = Tags(), set[str]()
    for read, place in ((_own_tags, sound), (_id3_around, file), (_ape_around, file), (_more_items, sound)):
        more, unread = _guarded(read, place, tags, name, warn)
        tags, left = _together(tags, more), left | unread
    if left:
        warn(f"{name}: tags that are not text are left out ({', '.join(sorted(map(_short, left)))})")
    return Tags(tuple(item for item in tags.items if item[0] not in OF_THE_ENCODING), tags.pictures)


def _guarded(read: Reader, file: BinaryIO, tags: Tags, name: str, warn: Warn) -> tuple[Tags, set[str]]:
    try:
        return read(file, tags)
    except Exception as error:  # mutagen meets damage with any of them, and tags are not the sound
        warn(f"{name}: some tags cannot be read ({_short(str(error)) or type(error).__name__}); they are left out")
        return Tags(), set()


def _together(tags: Tags, more: Tags) -> Tags:
    """`tags`, and of `more` what has keys that are not there, and its pictures if there are none."""
    keys = {key for key, _ in tags.items}
    items = tuple(item for item in more.items if item[0] not in keys)
    return Tags(tags.items + items, tags.pictures or more.pictures)


def _short(text: str) -> str:
    """As much of somebody's text as a message can hold."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _own_tags(file: BinaryIO, _: Tags) -> tuple[Tags, set[str]]:
    """Tags in the place that the format has for them, and the names of what is left out."""
    magic, form = struct.unpack("4s4x4s", read_at(file, 0, 12).ljust(12))
    if magic == b"RF64" or (magic == b"RIFF" and form != b"WAVE"):  # mutagen takes them for broken WAV files
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


def _more_items(file: BinaryIO, tags: Tags) -> tuple[Tags, set[str]]:
    """The tags that RIFF INFO and the like add to an ID3 chunk, and text that is no UTF-8 to MP4's tags; all that
    FFmpeg knows where there is nothing yet."""
    head = read_at(file, 0, 8)
    wider = head[:4] in (b"RIFF", b"FORM") or head[4:] == b"ftyp"
    if tags.items and not wider:
        return Tags(), set()
    try:
        items, left = from_ffmpeg(file)
    except (av.FFmpegError, ValueError):
        return Tags(), set()
    return Tags(tuple(item for item in items if not tags.items or item[0] in INFO_KEYS)), left


def _id3_around(file: BinaryIO, _: Tags) -> tuple[Tags, set[str]]:
    file.seek(0)
    try:
        frames = id3.ID3(fileobj=file)
    except id3.ID3NoHeaderError:
        return Tags(), set()
    return from_id3(frames)


def _ape_around(file: BinaryIO, _: Tags) -> tuple[Tags, set[str]]:
    file.seek(0)
    try:
        return from_ape(apev2.APEv2(fileobj=file))
    except apev2.APENoHeaderError:
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
        if size_of(file) + _most_bytes(tags) > MOST_RIFF_BYTES:
            warn(f"{name}: a WAV file of nearly 4 GiB has no room for its tags; they are left out")
            return
        file.seek(0)
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


def _most_bytes(tags: Tags) -> int:
    """More bytes than the ID3 chunk of these tags has."""
    texts = sum(len(key) + 4 * len(value) + 64 for key, value in tags.items)
    pictures = sum(len(p.data) + len(p.mime) + 4 * len(p.description) + 64 for p in tags.pictures)
    return texts + pictures + ID3_ROOM


@contextmanager
def _faults(name: str) -> Iterator[None]:
    """Turn what mutagen and the system raise inside into `AudioError`."""
    try:
        yield
    except (mutagen.MutagenError, OSError, ValueError) as error:
        raise AudioError(f"the tags of {name} cannot be written: {error}") from error
