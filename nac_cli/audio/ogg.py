"""Ogg files that are several, one behind the other ("chained"): recorded internet radio, or files that were joined.

Source: RFC 3533, sections 4 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from nac_cli.audio.decoder import BrokenOff, Decoder, Unreadable, Warn
from nac_cli.audio.resample import Resampler
from nac_cli.audio.view import read_at, view
from nac_cli.errors import AudioError

CAPTURE = b"OggS\0"
"""How every page begins: the pattern and the version."""
BEGINS = 0x02
"""Flag of the first page of a stream."""
FLAGS_OFFSET = 5
PIECE_BYTES = 1 << 20
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's names of the usual speakers."""


def links(file: BinaryIO) -> list[BinaryIO]:
    """A view of each link of an Ogg file, in order: one for a file that is not chained, none for another format."""
    if read_at(file, 0, len(CAPTURE)) != CAPTURE:
        return []
    starts = list(_link_starts(file))
    return [view(file, start, stop) for start, stop in zip(starts, [*starts[1:], None])]


def _link_starts(file: BinaryIO) -> Iterator[int]:
    """Where a page that begins a stream follows one that does not (links may have several streams side by side)."""
    beginning = False
    for offset, flags in _pages(file):
        if flags & BEGINS and not beginning:
            yield offset
        beginning = bool(flags & BEGINS)


def _pages(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Offset and flags of all pages, damaged ones between them or not."""
    file.seek(0)
    held, start = b"", 0
    while piece := file.read(PIECE_BYTES):
        held += piece
        last = max(0, len(held) - FLAGS_OFFSET)  # what begins from here on is looked at with the next piece
        at = held.find(CAPTURE)
        while 0 <= at < last:
            yield start + at, held[at + FLAGS_OFFSET]
            at = held.find(CAPTURE, at + 1)
        held, start = held[last:], start + last


class ChainDecoder:
    """A `Decoder` of several links as one sound: that of the first, to whose rate and channels all are brought.

    `opened` gives the decoder of a link. Links that cannot be opened are left out, and `warn` is told. Raises
    `Unreadable` or `AudioError` if all are such.
    """

    def __init__(self, parts: list[BinaryIO], opened: Callable[[BinaryIO], Decoder], name: str, warn: Warn):
        self._opened, self._name, self._warn = opened, name, warn
        self._parts = list(enumerate(parts, 1))
        while (first := self._open(*self._parts[0], last=len(self._parts) == 1)) is None:
            del self._parts[0]
        self._first = first
        self.sample_rate, self.channels = self._first.sample_rate, self._first.channels
        self.num_samples: int | None = None
        self.seconds: float | None = None
        self.source_bits, self.speakers = self._first.source_bits, self._first.speakers
        self.md5: bytes | None = None
        self.format_name = f"{self._first.format_name}, {len(parts)} links"
        warn(f"{name} is a chain of {len(parts)} Ogg streams: all are read; the tags are those of the first")

    def pieces(self) -> Iterator[np.ndarray]:
        """See `Decoder.pieces`."""
        for place, (number, part) in enumerate(self._parts):
            decoder = self._open(number, part) if place else self._first
            if decoder is None:
                continue
            try:
                yield from self._alike(decoder, number)
            except BrokenOff as error:
                self._warn(f"{self._name}: stream {number} of the chain is damaged, the rest of it is lost ({error})")
            decoder.close()

    def close(self) -> None:
        """See `Decoder.close`."""
        self._first.close()

    def _open(self, number: int, part: BinaryIO, last: bool = False) -> Decoder | None:
        try:
            return self._opened(part)
        except (Unreadable, AudioError) as error:
            if last:
                raise
            self._warn(f"{self._name}: stream {number} of the chain is left out ({error})")
            return None

    def _alike(self, decoder: Decoder, number: int) -> Iterator[np.ndarray]:
        if (decoder.sample_rate, decoder.channels) == (self.sample_rate, self.channels):
            yield from decoder.pieces()
            return
        self._warn(
            f"{self._name}: stream {number} of the chain has {decoder.channels} channels at {decoder.sample_rate} Hz; "
            "it is made like the first"
        )
        resampler = Resampler(self.channels, decoder.sample_rate, self.sample_rate)
        for piece in decoder.pieces():
            yield from _filled(resampler.push(_mixed(piece, self.channels)))
        yield from _filled(resampler.finish())


def _filled(piece: np.ndarray) -> Iterator[np.ndarray]:
    if piece.shape[1]:
        yield piece


def _mixed(piece: np.ndarray, channels: int) -> np.ndarray:
    """`[C, T]` -> `[channels, T]`, as FFmpeg mixes the usual speakers."""
    if len(piece) == channels:
        return piece
    import av

    mixer = av.AudioResampler(format="flt", layout=LAYOUTS[channels])
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece.T).reshape(1, -1), "flt", LAYOUTS[len(piece)])
    frame.sample_rate = 48000
    mixed = [part.to_ndarray().reshape(-1, channels) for part in (*mixer.resample(frame), *mixer.resample(None))]
    return np.ascontiguousarray(np.concatenate(mixed).T)
