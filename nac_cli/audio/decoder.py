"""The contract of a decoder, whichever library does the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

Warn = Callable[[str], None]


class Decoder(Protocol):
    """The sound of one file.

    `num_samples` is the length that the file states and None where it states none that can be relied on; `seconds` is
    the same or a rougher figure. `source_bits` is 0 for lossy sources. `speakers` is the mask of the channels' speakers
    (`nac_cli.speakers`), None for the usual ones. `md5` is that of the samples (`SampleDigest`), None if the file does
    not state it.
    """

    sample_rate: int
    channels: int
    num_samples: int | None
    source_bits: int
    format_name: str
    speakers: int | None
    md5: bytes | None

    @property
    def seconds(self) -> float | None: ...

    def pieces(self) -> Iterator[np.ndarray]:
        """The sound, once, in float32 pieces `[C, T]` of any length T > 0."""

    def close(self) -> None:
        """Give the library's handle back; the file itself stays open."""


class Unreadable(Exception):
    """A library cannot open the file. `damaged`: it knows the format, but finds it broken."""

    def __init__(self, reason: str, damaged: bool = False):
        super().__init__(reason)
        self.damaged = damaged


class BrokenOff(Exception):
    """A library stops at damage inside the sound, having given what lies before it."""
