"""Samples held back for a second look at them, without a file's worth of memory."""

from __future__ import annotations

import tempfile
from threading import Lock

import numpy as np


class HeldSamples:
    """Samples `[C, L]` of chunk after chunk in a temporary file, in half precision: 66 dB below the level of the sound,
    which is finer than any detail that is coded of them."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it is gone when nobody holds it any more
        self._places: list[tuple[int, tuple[int, int]]] = []
        self._reading = Lock()

    def __len__(self) -> int:
        return len(self._places)

    def append(self, samples: np.ndarray) -> None:
        """Put away the next chunk."""
        self._places.append((self._file.seek(0, 2), samples.shape))
        self._file.write(samples.astype(np.float16).tobytes())

    def __getitem__(self, index: int) -> np.ndarray:
        """Chunk `index`, float32. For any number of threads."""
        if not 0 <= index < len(self._places):
            raise IndexError(index)
        start, (channels, length) = self._places[index]
        with self._reading:
            self._file.seek(start)
            data = self._file.read(2 * channels * length)
        return np.frombuffer(data, np.float16).reshape(channels, length).astype(np.float32)
