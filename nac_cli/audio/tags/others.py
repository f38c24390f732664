"""Tags of MP4, ASF (WMA) and APEv2 files, and what FFmpeg finds elsewhere, in the common vocabulary."""

from __future__ import annotations

import struct
from typing import BinaryIO

from mutagen import apev2, asf, mp4

from nac_cli.audio.ffmpeg import open_container
from nac_cli.audio.sndfile import GuardedSource
from nac_cli.audio.tags.values import clean_key, counted, decoded
from nac_cli.values import FRONT_COVER, Picture, Tags

MP4_KEYS = {
    "\xa9nam": "TITLE", "\xa9ART": "ARTIST", "aART": "ALBUMARTIST", "\xa9alb": "ALBUM", "\xa9wrt": "COMPOSER",
    "\xa9day": "DATE", "\xa9gen": "GENRE", "\xa9cmt": "COMMENT", "\xa9grp": "GROUPING", "\xa9lyr": "LYRICS",
    "\xa9too": "ENCODER", "cprt": "COPYRIGHT", "desc": "DESCRIPTION", "tmpo": "BPM", "soal": "ALBUMSORT",
    "soar": "ARTISTSORT", "soaa": "ALBUMARTISTSORT", "sonm": "TITLESORT", "soco": "COMPOSERSORT",
}  # fmt: skip
MP4_NUMBERS = {"trkn": "TRACKNUMBER", "disk": "DISCNUMBER"}
MP4_OF_THE_FILE = {"ITUNSMPB", "ITUNNORM", "ENCODING PARAMS"}
MP4_MIME = {mp4.MP4Cover.FORMAT_JPEG: "image/jpeg", mp4.MP4Cover.FORMAT_PNG: "image/png"}
ASF_KEYS = {
    "Author": "ARTIST", "Title": "TITLE", "Copyright": "COPYRIGHT", "Description": "COMMENT",
    "WM/AlbumTitle": "ALBUM", "WM/AlbumArtist": "ALBUMARTIST", "WM/Year": "DATE",
    "WM/TrackNumber": "TRACKNUMBER", "WM/PartOfSet": "DISCNUMBER",
    "WM/Publisher": "LABEL", "WM/BeatsPerMinute": "BPM", "WM/ContentGroupDescription": "GROUPING",
    "WM/SetSubTitle": "DISCSUBTITLE", "WM/InitialKey": "KEY", "WM/Writer": "LYRICIST",
}  # fmt: skip
ASF_OF_THE_FILE = ("WMFSDK", "WM/Encod", "WM/Media", "WM/WMCP", "IsVBR", "Device", "VBR", "Bitrate", "ASFL")
APE_KEYS = {"YEAR": "DATE", "TRACK": "TRACKNUMBER", "DISC": "DISCNUMBER", "ALBUM ARTIST": "ALBUMARTIST"}
FFMPEG_KEYS = {
    "TRACK": "TRACKNUMBER", "DISC": "DISCNUMBER", "ALBUM_ARTIST": "ALBUMARTIST", "PUBLISHER": "LABEL",
    "ENCODED_BY": "ENCODEDBY", "ICMT": "COMMENT", "YEAR": "DATE",
    "AUTHOR": "ARTIST",
}  # fmt: skip
INFO_KEYS = {
    "TITLE", "ARTIST", "ALBUM", "COMMENT", "COPYRIGHT", "DATE", "GENRE", "TRACKNUMBER", "TRACKTOTAL", "ENCODEDBY",
}  # fmt: skip
"""Keys that FFmpeg may add to tags that were read already: it gives many of them again, by other names."""
FFMPEG_OF_THE_FILE = (
    "MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS", "CREATION_TIME", "HANDLER_NAME", "VENDOR_ID",
    "DURATION",
    "_STATISTICS", "BPS", "NUMBER_OF", "LANGUAGE", "VARIANT_BITRATE", "TIMECODE", "UMID", "CODING_HISTORY",
    "TIME_REFERENCE", "METADATACREATOR", "AUDIODATARATE", "AUDIOSAMPLE", "AUDIOCODEC", "STEREO",
)  # fmt: skip


def from_mp4(atoms: mp4.MP4Tags) -> tuple[Tags, set[str]]:
    """Tags, and the names of atoms that have no place among them."""
    items: list[tuple[str, str]] = []
    pictures: list[Picture] = []
    left: set[str] = set()
    for name, values in atoms.items():
        if name == "covr":
            pictures += [_cover(bytes(data), MP4_MIME.get(data.imageformat, "image/")) for data in values]
        elif name in MP4_NUMBERS:
            items += [item for pair in values for item in counted(MP4_NUMBERS[name], _of(*pair))]
        elif name.startswith("----:"):
            key = clean_key(name.split(":", 2)[-1])
            if key not in MP4_OF_THE_FILE:
                items += [(key, bytes(value).decode("utf-8", "replace")) for value in values]
        elif name == "cpil":
            items += [("COMPILATION", "1")] if values else []
        elif name in MP4_KEYS:
            items += [(MP4_KEYS[name], str(value)) for value in values]
        else:
            left.add(name)
    return Tags(tuple(items), tuple(pictures)), left


def _of(number: int, total: int) -> str:
    return f"{number or ''}/{total or ''}"


def _cover(data: bytes, mime: str) -> Picture:
    return Picture(FRONT_COVER, mime, "", 0, 0, 0, 0, data)


def from_asf(attributes: asf.ASFTags) -> tuple[Tags, set[str]]:
    """Tags, and the names of attributes that have no place among them."""
    items: list[tuple[str, str]] = []
    pictures: list[Picture] = []
    left: set[str] = set()
    for name, value in attributes:
        if name.startswith(ASF_OF_THE_FILE):
            continue
        if name == "WM/Picture":
            pictures.append(_asf_picture(value.value))
        elif isinstance(value.value, bytes):
            left.add(name)
        elif str(value):
            items += _numbered(ASF_KEYS.get(name) or clean_key(name.removeprefix("WM/")), str(value))
    return Tags(tuple(items), tuple(pictures)), left


def _asf_picture(block: bytes) -> Picture:
    """ASF's WM_PICTURE: type, length, MIME and description in UTF-16 with an end mark, data."""
    kind, size = struct.unpack_from("<BI", block)
    texts, start = [], 5
    for _ in range(2):
        end = start
        while block[end : end + 2] not in (b"\0\0", b""):
            end += 2
        texts.append(block[start:end].decode("utf-16-le", "replace"))
        start = end + 2
    return Picture(kind, texts[0], texts[1], 0, 0, 0, 0, block[start : start + size])


def from_ape(tag: apev2.APEv2) -> tuple[Tags, set[str]]:
    """Tags, and the names of items that have no place among them."""
    items: list[tuple[str, str]] = []
    pictures: list[Picture] = []
    left: set[str] = set()
    for name, value in tag.items():
        key = APE_KEYS.get(name.upper(), clean_key(name))
        if name.lower().startswith("cover art"):
            data = value.value.partition(b"\0")[2]
            pictures.append(_cover(data, "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"))
        elif value.kind == apev2.BINARY:
            left.add(name)
        else:
            items += [item for text in str(value).split("\0") for item in _numbered(key, text)]
    return Tags(tuple(items), tuple(pictures)), left


def from_ffmpeg(file: BinaryIO) -> tuple[list[tuple[str, str]], set[str]]:
    """Items that FFmpeg finds in other containers (Matroska, CAF, RIFF INFO ...), and the keys of those that are no
    text. Raises what PyAV raises."""
    with open_container(GuardedSource(file)) as container:
        found = dict(container.metadata)
        for stream in container.streams.audio:
            found |= stream.metadata
    items: list[tuple[str, str]] = []
    left: set[str] = set()
    for name, value in found.items():
        key, text = clean_key(name), decoded(value.encode("latin-1"))
        if text is None:
            left.add(key)
        elif text.strip() and not key.startswith(FFMPEG_OF_THE_FILE):
            items += _numbered(FFMPEG_KEYS.get(key, key), text)
    return items, left


def _numbered(key: str, value: str) -> list[tuple[str, str]]:
    return counted(key, value) if key in ("TRACKNUMBER", "DISCNUMBER") else [(key, value)]
