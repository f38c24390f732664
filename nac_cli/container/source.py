"""Forward reading with a window to look ahead, on pipes and on files; on files also reading at any place."""

from __future__ import annotations

import re
from typing import BinaryIO

_PIECE = 2**16


class ByteSource:
    """A window on a file: `peek` makes it longer, `skip` moves its start, `offset`.

    Offsets count from where the file stood at first. Memory is the window. A file that can seek may be moved
    by others in between.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._read = getattr(file, "read1", file.read)  # read1: a slow pipe's bytes as they come
        self._window = bytearray()
        self._ended = False
        self.seekable = bool(getattr(file, "seekable", lambda: False)())
        self._base = file.tell() if self.seekable else 0
        self.offset = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only where the file ends. A length alone allocates nothing."""
        while len(self._window) < size and self._pull():
            pass
        return bytes(memoryview(self._window)[:size])

    def skip(self, size: int) -> None:
        """Moves past `size` bytes that were peeked at."""
        del self._window[:size]
        self.offset += size

    def skip_to(self, pattern: re.Pattern[bytes], start: int) -> bool:
        """Moves to the first match `start` bytes on or later; False, and to the end, if there is none.

        `pattern` matches four bytes.
        """
        self.skip(len(self.peek(start)))
        while True:
            match = pattern.search(self._window)
            if match:
                self.skip(match.start())
                return True
            self.skip(max(0, len(self._window) - 3))
            if not self._pull():
                self.skip(len(self._window))
                return False

    def size(self) -> int:
        """Bytes from the start to the end of the file; only on a file that can seek."""
        return self._file.seek(0, 2) - self._base

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; only on a file that can seek. The window stays where it is."""
        self._file.seek(self._base + offset)
        pieces = []
        while size > 0 and (piece := self._file.read(min(size, _PIECE))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _pull(self) -> bool:
        """Makes the window longer; False where the file ends."""
        if self._ended:
            return False
        if self.seekable:
            self._file.seek(self._base + self.offset + len(self._window))
        piece = self._read(_PIECE)
        self._ended = not piece
        self._window += piece or b""
        return not self._ended
