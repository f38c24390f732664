"""Part of a file as a file of its own, with other bytes in some places: a header can be mended without a copy."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import BinaryIO

BUFFER_BYTES = 1 << 16


def view(
    file: BinaryIO, start: int = 0, stop: int | None = None, patches: Mapping[int, bytes] | None = None
) -> BinaryIO:
    """Bytes [start, stop) of a seekable `file`, to be read and sought in; `patches` take the place of what is there at
    their offsets, which count from `start`. The file stays open when the view is closed."""
    return io.BufferedReader(_View(file, start, stop, patches or {}), BUFFER_BYTES)


def size_of(file: BinaryIO) -> int:
    """Bytes of a seekable file, which is then at its end."""
    return file.seek(0, os.SEEK_END)


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Up to `size` bytes from `offset` on."""
    file.seek(offset)
    return file.read(size)


def _read_into(file: BinaryIO, data: memoryview) -> int:
    """How many bytes of `data` a file filled; somebody's own file objects may know nothing but `read`."""
    if readinto := getattr(file, "readinto", None):
        return readinto(data) or 0
    piece = file.read(len(data)) or b""
    data[: len(piece)] = piece
    return len(piece)


class _View(io.RawIOBase):
    def __init__(self, file: BinaryIO, start: int, stop: int | None, patches: Mapping[int, bytes]):
        self._file, self._start = file, start
        self._size = max(0, (size_of(file) if stop is None else stop) - start)
        self._patches = dict(patches)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"there is no byte {at}")
        self._at = at
        return at

    def readinto(self, buffer) -> int:
        wanted = min(len(buffer), max(0, self._size - self._at))
        self._file.seek(self._start + self._at)
        data = memoryview(buffer)[:wanted]
        data = data[: _read_into(self._file, data)]
        for offset, patch in self._patches.items():
            first, last = max(offset, self._at), min(offset + len(patch), self._at + len(data))
            if first < last:
                data[first - self._at : last - self._at] = patch[first - offset : last - offset]
        self._at += len(data)
        return len(data)
