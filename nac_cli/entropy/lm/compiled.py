"""The network in compiled kernels: the same tables, in one call a chunk or some frames instead of hundreds a frame."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from types import SimpleNamespace

import numpy as np

from nac_cli.entropy.coder import WORD, stream_error
from nac_cli.entropy.lm.batch import Batch, coded_frames
from nac_cli.entropy.lm.network import Tables
from nac_cli.entropy.lm.parameters import Parameters
from nac_cli.entropy.lm.weights import IntegerModel
from nac_cli.errors import CorruptStream, Interrupted
from nac_cli.kernels.buffers import for_decoding, for_measuring
from nac_cli.values import ABSENT

FRAMES_AT_ONCE = 16
"""Frames between two looks at whether to stop."""
NO_TABLES = np.empty((0, 0, 0), np.int32)


class CompiledNetwork:
    """As `network.Network`, in the `kernels` of `nac_cli.kernels.lm`."""

    backend = None
    side_by_side = 1, 8
    """As of `Network`: what 8 streams remember fits the processor's cache."""

    def __init__(self, model: IntegerModel, kernels: SimpleNamespace) -> None:
        self.config, self._kernels = model.config, kernels
        self._parameters = Parameters(model).arrays()
        self._shape = self._parameters[3]

    def intervals(self, codes: np.ndarray, depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `Network.intervals`."""
        return self._measure(codes, depths, NO_TABLES)

    def decode(self, batch: Batch, stop: Event) -> list[CorruptStream | None]:
        """As `Network.decode`."""
        return self._decode(batch, NO_TABLES, stop)

    def tables(self, codes: np.ndarray, depths: np.ndarray) -> Iterator[Tables]:
        """As `Network.tables`; takes the memory of all tables."""
        found = np.zeros((*codes.shape, max(self.config.codebook_sizes)), np.int32)
        self._measure(codes, depths, found)
        for plane, size in enumerate(self.config.codebook_sizes):
            frames = np.flatnonzero(codes[plane] != ABSENT)
            yield Tables(plane, frames, found[plane, frames, :size].astype(np.int64))

    def known_tables(self, codes: np.ndarray, depths: np.ndarray) -> tuple[dict, dict]:
        """Tables `[N_k]` by (frame, plane) of a chunk that is known, by the pass that sees it all and step by step."""
        form = (*codes.shape, max(self.config.codebook_sizes))
        parallel, stepped = np.zeros(form, np.int32), np.zeros(form, np.int32)
        self._measure(codes, depths, parallel)
        batch = Batch([b""], [depths], self.config)
        batch.codes[0] = codes
        self._decode(batch, stepped, Event())
        keys = [(frame, plane) for plane, frame in np.argwhere(batch.occurs[0]).tolist()]
        sizes = self.config.codebook_sizes
        first, second = ({(f, k): tables[k, f, : sizes[k]] for f, k in keys} for tables in (parallel, stepped))
        return first, second

    def _measure(self, codes: np.ndarray, depths: np.ndarray, tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        starts, widths = np.zeros((2, *codes.shape), np.int32)
        end = coded_frames(depths)
        if end:
            known = np.array(codes[:, :end], np.int32, order="C"), np.array(depths[:end], np.int64)
            found = np.zeros((2, len(codes), end), np.int32)
            self._kernels.measure(*self._parameters, *known, *found, tables, *for_measuring(self._shape, end))
            starts[:, :end], widths[:, :end] = found
        return starts, widths

    def _decode(self, batch: Batch, tables: np.ndarray, stop: Event) -> list[CorruptStream | None]:
        count, frames = len(batch.streams), batch.depths.shape[1]
        odd = [len(stream) % WORD.itemsize != 0 for stream in batch.streams]
        words = [np.frombuffer(b"" if one else stream, WORD) for one, stream in zip(odd, batch.streams)]
        ends = np.cumsum([part.size for part in words])
        places = np.stack([ends - [part.size for part in words], ends], axis=1)
        streams = np.concatenate(words).astype(np.uint32), np.zeros((count, 3), np.uint64), places
        self._kernels.start_streams(*streams)
        failed = np.zeros(count, np.uint8)
        longest = int(batch.ends[0])
        buffers = for_decoding(self._shape, count, frames)
        arrays = (batch.depths, batch.ends, batch.occurs, batch.codes, batch.starts, batch.widths, tables)
        for first in range(0, longest, FRAMES_AT_ONCE):
            if stop.is_set():
                raise Interrupted("decoding was stopped")
            last = min(first + FRAMES_AT_ONCE, longest)
            done = self._kernels.decode(*self._parameters, *streams, failed, *arrays, first, last, *buffers)
            if done < last - first:
                break
        return [stream_error(*each) for each in zip(odd, failed & 1, failed & 2)]
