"""ID3v2 frames (MP3, WAV, AIFF, DSF, TTA) from and to the common vocabulary: ID3 tag version 2.4.0."""

from __future__ import annotations

import re

from mutagen import id3

from nac_cli.audio.tags.values import clean_key, counted, decoded, grouped
from nac_cli.values import Picture, Tags

TEXT_KEYS = {
    "TALB": "ALBUM", "TBPM": "BPM", "TCMP": "COMPILATION", "TCOM": "COMPOSER", "TCON": "GENRE",
    "TCOP": "COPYRIGHT", "TDOR": "ORIGINALDATE", "TDRC": "DATE", "TENC": "ENCODEDBY",
    "TEXT": "LYRICIST", "TIT1": "GROUPING",
    "TIT2": "TITLE", "TIT3": "SUBTITLE", "TKEY": "KEY", "TLAN": "LANGUAGE", "TMED": "MEDIA", "TMOO": "MOOD",
    "TOAL": "ORIGINALALBUM", "TOPE": "ORIGINALARTIST", "TPE1": "ARTIST", "TPE2": "ALBUMARTIST",
    "TPE3": "CONDUCTOR", "TPE4": "REMIXER", "TPUB": "LABEL", "TSO2": "ALBUMARTISTSORT", "TSOA": "ALBUMSORT",
    "TSOC": "COMPOSERSORT", "TSOP": "ARTISTSORT", "TSOT": "TITLESORT", "TSRC": "ISRC",
    "TSSE": "ENCODERSETTINGS", "TSST": "DISCSUBTITLE",
}  # fmt: skip
NUMBER_KEYS = {"TRCK": "TRACKNUMBER", "TPOS": "DISCNUMBER"}
FRAME_IDS = {key: name for name, key in TEXT_KEYS.items()}
TIMESTAMP = re.compile(r"\d{4}(-\d\d(-\d\d([ T]\d\d(:\d\d(:\d\d)?)?)?)?)?")
OF_THE_FILE = frozenset(
    ["TLEN", "TSIZ", "TDLY", "TFLT", "TDTG", "TDEN", "SEEK", "ASPI", "MLLT", "ETCO", "RVRB", "EQU2", "RBUF"]
)
"""Frames about the encoded file, not about the music: they mean nothing in another one."""


def from_id3(frames: id3.ID3Tags) -> tuple[Tags, set[str]]:
    """Tags, and the names of frames that have no place among them (private data, counters)."""
    if getattr(frames, "version", (2,)) < (2,):
        _read_as_utf8(frames)
    items: list[tuple[str, str]] = []
    pictures: list[Picture] = []
    left: set[str] = set()
    for frame in frames.values():
        if isinstance(frame, id3.APIC):
            kind, text = int(frame.type), frame.desc.rstrip(" ")
            pictures.append(Picture(kind, frame.mime, text, 0, 0, 0, 0, bytes(frame.data)))
        elif frame.FrameID not in OF_THE_FILE:
            found = _items(frame)
            items += found
            if not found and not isinstance(frame, id3.TextFrame):
                left.add(frame.FrameID)
    return Tags(tuple(items), tuple(pictures)), left


def _read_as_utf8(frames: id3.ID3Tags) -> None:
    """Text of ID3v1 tags, which mutagen takes for Latin-1, becomes what it is as UTF-8, if it is that."""
    for frame in frames.values():
        if isinstance(frame, id3.TextFrame) and all(isinstance(text, str) for text in frame.text):
            frame.text = [decoded(text.encode("latin-1", "replace")) or text for text in frame.text]


def _items(frame: id3.Frame) -> list[tuple[str, str]]:
    name = frame.FrameID
    if isinstance(frame, id3.TCON):
        return [("GENRE", genre) for genre in frame.genres]
    if name in NUMBER_KEYS:
        return [item for text in frame.text for item in counted(NUMBER_KEYS[name], str(text))]
    if isinstance(frame, id3.TXXX):
        return [(clean_key(frame.desc), text) for text in frame.text]
    if isinstance(frame, id3.COMM):
        # iTunes keeps gapless and loudness data of its own encoder in comments.
        return [] if frame.desc.startswith("iTun") else [("COMMENT", text) for text in frame.text if text]
    if isinstance(frame, id3.USLT):
        return [("LYRICS", frame.text)] if frame.text else []
    if isinstance(frame, id3.PairedTextFrame):
        return [_person(name, role, who) for role, who in frame.people]
    if isinstance(frame, id3.TextFrame):
        return [(TEXT_KEYS.get(name, name), str(text)) for text in frame.text if str(text)]
    if isinstance(frame, id3.UrlFrame):
        return [("WEBSITE", frame.url)] if frame.url else []
    return []


def _person(name: str, role: str, who: str) -> tuple[str, str]:
    """The item of someone who played an instrument (TMCL) or took another part (TIPL)."""
    if name == "TMCL":
        return "PERFORMER", f"{who} ({role})" if role else who
    return clean_key(role), who


def into_id3(tags: Tags, frames: id3.ID3Tags) -> None:
    """Replace all frames by those of `tags`."""
    frames.clear()
    groups = grouped(tags.items)
    for name, key in NUMBER_KEYS.items():
        number, total = groups.get(key, []), groups.get(key.replace("NUMBER", "TOTAL"), [])
        if len(number) == 1 and len(total) <= 1 and "/" not in number[0]:
            text = "/".join(groups.pop(key) + (groups.pop(key.replace("NUMBER", "TOTAL")) if total else []))
            frames.add(getattr(id3, name)(encoding=id3.Encoding.UTF8, text=[text]))
    for key, values in groups.items():
        frames.add(_frame(key, [value.replace("\0", "") for value in values]))
    for place, picture in enumerate(tags.pictures):
        kind, text = picture.type if picture.type < 256 else 0, picture.description.replace("\0", "")
        frame = id3.APIC(id3.Encoding.UTF8, picture.mime, kind, text, picture.data)
        frame.salt = " " * place  # frames of one description would replace each other
        frames.add(frame)


def _frame(key: str, values: list[str]) -> id3.Frame:
    utf8 = id3.Encoding.UTF8
    if key == "COMMENT":
        return id3.COMM(encoding=utf8, lang="XXX", desc="", text=values)
    if key == "LYRICS" and len(values) == 1:
        return id3.USLT(encoding=utf8, lang="XXX", desc="", text=values[0])
    name = FRAME_IDS.get(key)
    if name and all(_fits(name, value) for value in values):
        return getattr(id3, name)(encoding=utf8, text=values)
    return id3.TXXX(encoding=utf8, desc=key, text=values)


def _fits(name: str, value: str) -> bool:
    """Whether a frame gives back what is put in: dates have a form, and ID3 reads numbers as genres."""
    if name == "TCON":
        return id3.TCON(encoding=id3.Encoding.UTF8, text=[value]).genres == [value]
    return bool(TIMESTAMP.fullmatch(value)) if name in ("TDRC", "TDOR") else bool(value)
