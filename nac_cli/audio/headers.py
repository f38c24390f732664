"""Where the sound lies in files that hold plain samples, as their headers say: WAV, RF64, BW64, W64, AIFF, CAF, AU.

Sources: Microsoft's Multimedia Programming Interface 1.0 and WAVEFORMATEXTENSIBLE, EBU Tech 3306 (RF64), ITU-R BS.2088
(BW64), Sony's description of Wave64, Apple's AIFF 1.3 and Core Audio Format specifications, the audio(7) page of SunOS.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from nac_cli.audio.view import read_at, size_of

UNKNOWN_32 = 0xFFFFFFFF
"""The size that programs write on a pipe, where they cannot know it; in RF64 it points to `ds64`."""
MOST_CHUNKS = 1000
"""Chunks in front of the sound that are looked through."""
PCM, IEEE_FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
"""The end of the identifiers of Wave64's chunks, `riff` aside; the first four bytes are the chunk's name."""
AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
"""Bytes of a sample by AU encoding."""


@dataclass(frozen=True)
class SoundPlace:
    """Bytes [start, start + size) are sound, as the header says; `size` is None where it leaves that open.

    `outer` is the end that the file as a whole claims, and 0 where it claims none. `frame` is bytes of a sample of all
    channels and `width` those of one, 0 if the samples are not plain; `little` is their order. `mask` has the speakers,
    None if nothing is said. `patches` gives the header's bytes, by offset, for a sound of another size. `chunk` is the
    form of the chunks around, None where there are none.
    """

    start: int
    size: int | None
    outer: int
    frame: int
    width: int
    little: bool
    mask: int | None
    patches: Callable[[int], dict[int, bytes]]
    chunk: Chunk | None


@dataclass(frozen=True)
class Chunk:
    """How chunks look: the `struct` of their header (name, size), whether its own bytes count in the size, and what
    their lengths are rounded up to."""

    header: struct.Struct
    counts_itself: bool = False
    multiple: int = 2

    def at(self, file: BinaryIO, offset: int) -> tuple[bytes, int, int] | None:
        """Name, where the content starts, and its size; None if the file ends before."""
        data = read_at(file, offset, self.header.size)
        if len(data) < self.header.size:
            return None
        name, size = self.header.unpack(data)
        return name, offset + self.header.size, size - self.header.size * self.counts_itself

    def end(self, start: int, size: int) -> int:
        """Where the next chunk starts."""
        return start + size + -size % self.multiple

    def all(self, file: BinaryIO, offset: int) -> Iterator[tuple[bytes, int, int]]:
        """The chunks from `offset` on, as far as they follow each other: one of a size below 0 is the last."""
        for _ in range(MOST_CHUNKS):
            found = self.at(file, offset)
            if found is None:
                return
            yield found
            if found[2] < 0:
                return
            offset = self.end(*found[1:])

    def lead_to(self, file: BinaryIO, offset: int, end: int) -> bool:
        """Whether nothing but whole chunks lies between two offsets; the last may lack its padding."""
        for _, start, size in self.all(file, offset):
            if size < 0 or start + size > end:
                return False
            if self.end(start, size) >= end:
                return True
        return offset == end


RIFF, RIFX = Chunk(struct.Struct("<4sI")), Chunk(struct.Struct(">4sI"))
WAVE64 = Chunk(struct.Struct("<16sQ"), counts_itself=True, multiple=8)
CAF = Chunk(struct.Struct(">4sq"), multiple=1)


def find_sound(file: BinaryIO) -> SoundPlace | None:
    """Where the sound of a seekable file lies; None if it is none of these formats, or its header makes no sense."""
    magic = read_at(file, 0, 16)
    try:
        if magic[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and magic[8:12] == b"WAVE":
            return _wav(file, magic[:4])
        if magic[:4] == b"riff" and magic[4:8] == b"\x2e\x91\xcf\x11":
            return _w64(file)
        if magic[:4] == b"FORM" and magic[8:12] in (b"AIFF", b"AIFC"):
            return _aiff(file, magic[8:12])
        if magic[:4] == b"caff":
            return _caf(file)
        if magic[:4] in (b".snd", b"dns."):
            return _au(file, ">" if magic[:4] == b".snd" else "<")
    except struct.error:
        return None
    return None


def is_bare(file: BinaryIO) -> bool:
    """Whether a seekable file is WAV and holds nothing but samples and what says how they lie: it has no tags."""
    magic, end = read_at(file, 0, 12), size_of(file)
    if magic[:4] != b"RIFF" or magic[8:] != b"WAVE" or struct.unpack("<I", magic[4:8])[0] + 8 != end:
        return False
    offset = 12
    for name, start, size in RIFF.all(file, offset):
        if name not in (b"fmt ", b"fact", b"data"):
            return False
        offset = RIFF.end(start, size)
    return offset == end


def _wav(file: BinaryIO, magic: bytes) -> SoundPlace | None:
    chunk, order = (RIFX, ">") if magic == b"RIFX" else (RIFF, "<")
    long = magic in (b"RF64", b"BW64")
    riff = struct.unpack(f"{order}I", read_at(file, 4, 4))[0]
    form, wide = None, None
    for name, start, size in chunk.all(file, 12):
        if name == b"ds64":
            wide = start, *struct.unpack("<QQ", read_at(file, start, 16))
        elif name == b"fmt ":
            form = _wave_format(read_at(file, start, min(size, 40)), order)
        elif name == b"data":
            break
    else:
        return None
    if form is None:
        return None
    frame, width, mask = form
    if wide and long:
        riff = wide[1] if riff == UNKNOWN_32 else riff
        size = wide[2] if size == UNKNOWN_32 else size
    is_open = size >= 2**63 or (not wide and _left_open(size) and start + size > size_of(file))
    stated = None if is_open else size

    def patches(wanted: int) -> dict[int, bytes]:
        end = start + wanted + wanted % 2 - 8
        short = {4: min(end, UNKNOWN_32), start - 4: min(wanted, UNKNOWN_32)}
        if not (wide and long):
            return {offset: struct.pack(f"{order}I", value) for offset, value in short.items()}
        numbers = struct.pack("<QQQ", end, wanted, wanted // max(frame, 1))
        unknown = struct.pack("<I", UNKNOWN_32)
        return {0: b"RF64", 4: unknown, start - 4: unknown, wide[0]: numbers}  # libsndfile knows no BW64

    return SoundPlace(start, stated, 8 + riff, frame, width, order == "<", mask, patches, chunk)


def _left_open(size: int) -> bool:
    """Whether programs write this size on a pipe (2^32 - 1, about 2^31)."""
    return size == UNKNOWN_32 or 0x7FFFF000 <= size <= 0x80001000


def _wave_format(data: bytes, order: str) -> tuple[int, int, int | None]:
    """Bytes of a frame and of a sample, and the mask of speakers, of a `fmt ` chunk."""
    tag, channels, _, _, frame, bits = struct.unpack_from(f"{order}HHIIHH", data)
    mask = None
    if tag == EXTENSIBLE and len(data) >= 26:
        mask, tag = struct.unpack_from(f"{order}IH", data, 20)
    plain = tag in (PCM, IEEE_FLOAT, ALAW, MULAW) and channels and frame == channels * -(-bits // 8)
    return frame, frame // channels if plain else 0, mask


def _w64(file: BinaryIO) -> SoundPlace | None:
    outer = struct.unpack("<Q", read_at(file, 16, 8))[0]
    form = None
    for name, start, size in WAVE64.all(file, 40):
        if name == b"fmt " + W64_TAIL:
            form = _wave_format(read_at(file, start, min(size, 40)), "<")
        elif name == b"data" + W64_TAIL:
            break
    else:
        return None
    if form is None:
        return None

    def patches(wanted: int) -> dict[int, bytes]:
        end = start + wanted
        return {16: struct.pack("<Q", end), start - 8: struct.pack("<Q", wanted + WAVE64.header.size)}

    stated = None if size >= 2**62 else max(0, size)
    return SoundPlace(start, stated, outer, *form[:2], True, form[2], patches, WAVE64)


def _aiff(file: BinaryIO, form: bytes) -> SoundPlace | None:
    outer = 8 + struct.unpack(">I", read_at(file, 4, 4))[0]
    common = None
    for name, start, size in RIFX.all(file, 12):  # noqa: B007
        if name == b"COMM":
            common = start
        elif name == b"SSND":
            break
    else:
        return None
    if common is None:
        return None
    channels, _, bits = struct.unpack(">HIH", read_at(file, common, 8))
    kind = read_at(file, common + 18, 4) if form == b"AIFC" else b"NONE"
    offset = struct.unpack(">I", read_at(file, start, 4))[0]
    width = -(-bits // 8) if kind in (b"NONE", b"twos", b"sowt", b"fl32", b"FL32", b"fl64", b"FL64", b"in24") else 0
    width = 1 if kind in (b"ulaw", b"ULAW", b"alaw", b"ALAW") else width
    frame = width * channels
    begin = start + 8 + offset

    def patches(wanted: int) -> dict[int, bytes]:
        whole, samples = begin + wanted + wanted % 2 - 8, wanted // max(frame, 1)
        sizes = {4: whole, start - 4: wanted + 8 + offset, common + 2: samples}
        return {place: struct.pack(">I", min(value, UNKNOWN_32)) for place, value in sizes.items()}

    stated = None if size == UNKNOWN_32 else max(0, size - 8 - offset)
    return SoundPlace(begin, stated, outer, frame, width, kind == b"sowt", None, patches, RIFX)


def _caf(file: BinaryIO) -> SoundPlace | None:
    frame, width, little = 0, 0, False
    for name, start, size in CAF.all(file, 8):  # noqa: B007
        if name == b"desc":
            kind, flags, frame, _, channels = struct.unpack(">8x4s4I", read_at(file, start, 28))
            plain = kind in (b"lpcm", b"ulaw", b"alaw") and channels
            width, little = frame // channels if plain else 0, bool(flags & 2)
        elif name == b"data":
            break
    else:
        return None

    def patches(wanted: int) -> dict[int, bytes]:
        return {start - 8: struct.pack(">q", wanted + 4)}

    stated = None if size < 0 else max(0, size - 4)  # in front of the sound stands the number of an edit
    return SoundPlace(start + 4, stated, 0, frame, width, little, None, patches, CAF)


def _au(file: BinaryIO, order: str) -> SoundPlace | None:
    start, size, kind, _, channels = struct.unpack(f"{order}5I", read_at(file, 4, 20))
    width = AU_BYTES.get(kind, 0)

    def patches(wanted: int) -> dict[int, bytes]:
        return {8: struct.pack(f"{order}I", min(wanted, UNKNOWN_32))}

    stated = None if size == UNKNOWN_32 else size
    return SoundPlace(start, stated, 0, width * channels, width, order == "<", None, patches, None)
