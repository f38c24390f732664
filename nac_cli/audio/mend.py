"""Headers that say less than there is, or more: the sound's true end, and a view of the file that says it.

A recorder that crashed leaves a length of zero or an old one; one that writes to a pipe leaves it open; RIFF lengths
wrap around at 4 GiB. Where a header and the file disagree, the bytes behind the header's end are judged:

1. Chunks that follow each other up to the end that the file as a whole claims, or up to the end of the file, are no
   sound, whatever they are called. Nor is what begins with the name of a chunk or a tag.
2. Zeros, and a few bytes, are padding: they could be sound, of which next to nothing would be lost.
3. What is as irregular as compressed data (a picture, an archive) is no sound if the header claims some, and `warn` is
   told.
4. All else is sound, and `warn` is told.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from nac_cli.audio.decoder import Warn
from nac_cli.audio.headers import SoundPlace
from nac_cli.audio.view import read_at, size_of, view

FEW_BYTES = 64
PIECE_BYTES = 1 << 20
TAIL_BYTES = 1 << 24
"""How far from the end chunks are looked for behind sound of a length left open."""
KNOWN_CHUNKS = (
    b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"_PMX", b"fact", b"cue ", b"smpl", b"inst", b"JUNK", b"PAD ",
    b"FLLR", b"DISP", b"cart", b"afsp", b"levl", b"chna",
)  # fmt: skip
LEAST_SAMPLES = 512
"""Fewer samples do not tell whether they are regular."""
IRREGULAR = 0.12
"""Bits by which the entropy of uniform bytes may fall short and still count as that of compressed data."""


def mended(file: BinaryIO, place: SoundPlace, stop: int, name: str, warn: Warn) -> BinaryIO:
    """`file`, or a view of it whose header says where the sound at `place` truly ends. `stop` is where tags begin that
    stand behind everything, else the file's end; `name` is for messages."""
    if place.size is None:
        end = _without_chunks(file, place, stop)
        return view(file, 0, end, place.patches(end - place.start))
    stated = place.start + place.size
    if stated + place.size % 2 >= stop:
        return view(file, 0, stop) if stated <= stop < size_of(file) else file
    if (chunks_end := _end_of_chunks(file, place, place.size, stop, name, warn)) is not None:
        return view(file, 0, chunks_end)
    end = _without_chunks(file, place, stop)
    warn(f"{name} holds sound behind the end that its header gives; it is read to its true end")
    return view(file, 0, end, place.patches(end - place.start))


def _end_of_chunks(file: BinaryIO, place: SoundPlace, size: int, stop: int, name: str, warn: Warn) -> int | None:
    """Where the file ends if what is between the stated end and `stop` is anything but sound, else None."""
    begin = place.chunk.end(place.start, size) if place.chunk else place.start + size
    if place.chunk and begin < place.outer and place.chunk.lead_to(file, begin, min(place.outer, size_of(file))):
        begin = place.outer
    if place.chunk and place.chunk.lead_to(file, begin, stop):
        return stop
    places = {begin, begin - size % 2, begin + 1}  # a byte of padding may come first, or lack
    if any(_names_something(file, at, place, stop) for at in places):
        return stop
    if _says_nothing(file, begin, stop):
        return begin
    if _is_irregular(file, place, begin, stop):
        warn(f"{name}: {stop - begin} bytes behind the end that its header gives are no sound; they are left out")
        return begin
    return None


def _names_something(file: BinaryIO, at: int, place: SoundPlace, stop: int) -> bool:
    """Whether a chunk or a tag seems to begin there: a name that is known, or letters and a size that can be."""
    name = read_at(file, at, 4)
    if name[:3] in (b"ID3", b"TAG") or name == b"APET" or name in KNOWN_CHUNKS:
        return True
    found = place.chunk.at(file, at) if place.chunk else None
    return found is not None and all(32 <= byte < 127 for byte in name) and 0 <= found[2] <= stop - found[1] + 1


def _says_nothing(file: BinaryIO, begin: int, stop: int) -> bool:
    """Whether all but a few bytes are zero."""
    other = 0
    file.seek(begin)
    while begin < stop and other <= FEW_BYTES:
        piece = file.read(min(PIECE_BYTES, stop - begin))
        if not piece:
            break
        other += len(piece) - piece.count(0)
        begin += len(piece)
    return other <= FEW_BYTES


def _is_irregular(file: BinaryIO, place: SoundPlace, begin: int, stop: int) -> bool:
    """Whether the bytes that would be the highest of samples are spread evenly: those of sound are near zero, or follow
    a curve that has few of the largest."""
    if not (place.width and place.size):
        return False
    data = np.frombuffer(read_at(file, begin, min(PIECE_BYTES, stop - begin)), np.uint8)
    phase = (place.start - begin + (place.width - 1 if place.little else 0)) % place.width
    highest = data[phase :: place.width]
    if len(highest) < LEAST_SAMPLES:
        return False
    shares = np.bincount(highest, minlength=256) / len(highest)
    entropy = -np.sum(shares[shares > 0] * np.log2(shares[shares > 0]))
    expected = 8 - 255 / (2 * np.log(2) * len(highest))  # of uniform bytes, so few of them (Miller and Madow)
    return entropy > expected - IRREGULAR


def _without_chunks(file: BinaryIO, place: SoundPlace, stop: int) -> int:
    """`stop`, or where known chunks begin that lead there from behind the sound."""
    if place.chunk is None:
        return stop
    first = max(place.start + (place.size or 0), stop - TAIL_BYTES)
    tail = read_at(file, first, stop - first)
    for name in KNOWN_CHUNKS:
        at = tail.find(name)
        while at >= 0:
            if place.chunk.lead_to(file, first + at, stop):
                stop, tail = first + at, tail[:at]
                return _without_chunks(file, place, stop)
            at = tail.find(name, at + 1)
    return stop
