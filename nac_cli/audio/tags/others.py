"""Tags of MP4, ASF (WMA) and APEv2 files, and what FFmpeg finds elsewhere, in the common vocabulary."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO

import av
from mutagen import apev2, asf, mp4

from nac_cli.audio.ffmpeg import OPTIONS
from nac_cli.audio.sndfile import ForwardFile, GuardedFile
from nac_cli.audio.tags.values import clean_key, counted
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
}  # fmt: skip
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


def from_sndfile(file: BinaryIO) -> list[tuple[str, str]]:
    """Items of RIFF INFO and AIFF's text chunks. Raises what soundfile raises."""
    file.seek(0)
    with ForwardFile(GuardedFile(file)) as sound:
        found = sound.copy_metadata()
    found.pop("software", None)
    return [item for name, value in found.items() for item in _numbered(clean_key(name), value)]


def from_ffmpeg(file: BinaryIO) -> list[tuple[str, str]]:
    """Items that FFmpeg finds in other containers (Matroska, CAF, RIFF INFO ...). Raises what PyAV raises."""
    found: dict[str, str] = {}
    for encoding in ("utf-8", "cp1252"):
        file.seek(0)
        try:
            with av.open(file, metadata_encoding=encoding, options=dict(OPTIONS)) as container:
                found |= container.metadata
                for stream in container.streams.audio:
                    found |= stream.metadata
            break
        except UnicodeDecodeError:
            continue
    return list(_known(found.items()))


def _known(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for name, value in pairs:
        key = clean_key(name)
        if value.strip() and not key.startswith(FFMPEG_OF_THE_FILE):
            yield from _numbered(FFMPEG_KEYS.get(key, key), value)


def _numbered(key: str, value: str) -> list[tuple[str, str]]:
    return counted(key, value) if key in ("TRACKNUMBER", "DISCNUMBER") else [(key, value)]
