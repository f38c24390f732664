"""One network for several threads: their requests at the same time go through it as one batch.

Chunks of many files fill a GPU, which one short file cannot. No thread waits for a batch to fill: while the network
works for one thread, requests of the others gather, and the next one to have the network takes all that are of its
own's shape.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch

from nac_cli.models.codec import Codec, Encoded

MOST_ITEMS = 64
"""Most items of a batch. Beyond that a GPU gets no faster, and memory counts."""


class SharedEncoder:
    """A codec for several threads, which encodes for one after the other, or, if `together`, for many at once.

    With other items beside it an item's distances are rounded differently, so that now and then, where two codes are
    equally good, another one is taken. Results that are to be the same every time want `together` off.
    """

    def __init__(self, codec: Codec, together: bool):
        self._codec, self._together = codec.chunked(), together and not codec.heavy
        self._network = ThreadPoolExecutor(1, "encoder")  # what its memory allocator keeps for a thread it keeps once
        self._gathering = threading.Lock()
        self._waiting: list[_Request] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._codec, name)

    def chunked(self) -> SharedEncoder:
        """As `Codec.chunked`."""
        return self

    def encode(self, wav: torch.Tensor) -> Encoded:
        """As `Codec.encode`, from any thread."""
        request = _Request(wav)
        with self._gathering:
            self._waiting.append(request)
        self._network.submit(self._serve, request).result()
        if request.error is not None:
            raise request.error
        assert request.result is not None  # `_serve` has left one or the other
        return request.result

    def _take(self, first: _Request) -> list[_Request]:
        """`first` and, if all may go together, those of its shape that wait."""
        with self._gathering:
            batch, items = [first], len(first.wav)
            for other in self._waiting if self._together else ():
                fits = other.wav.shape[1:] == first.wav.shape[1:] and items + len(other.wav) <= MOST_ITEMS
                if other is not first and fits:
                    batch.append(other)
                    items += len(other.wav)
            for taken in batch:
                self._waiting.remove(taken)
        return batch

    def _serve(self, first: _Request) -> None:
        if first not in self._waiting:
            return  # it went along with another
        batch = self._take(first)
        try:
            with torch.inference_mode():
                encoded = self._codec.encode(torch.cat([request.wav for request in batch]))
        except Exception as error:  # it is that of each of them
            for request in batch:
                request.error = error
            return
        start = 0
        for request in batch:
            stop = start + len(request.wav)
            codes = tuple(plane[start:stop] for plane in encoded.codes)
            request.result = Encoded(codes, encoded.distortion[start:stop])
            start = stop


@dataclass(eq=False)
class _Request:
    """A waveform to encode, and then its result or its error."""

    wav: torch.Tensor
    result: Encoded | None = field(default=None)
    error: Exception | None = field(default=None)
