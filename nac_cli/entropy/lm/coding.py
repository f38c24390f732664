"""Codes of chunks to range-coded streams and back, one stream per chunk, frame by frame, plane by plane.

The encoder needs of every table only where the code's interval starts and how wide it is: the parallel pass leaves
two integers per code. The decoder needs whole tables, and makes them as it goes, for many chunks at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np

from nac_cli.entropy.coder import TableDecoders, encode_intervals
from nac_cli.entropy.frequencies import TOTAL_BITS
from nac_cli.entropy.lm.config import LmConfig
from nac_cli.entropy.lm.network import Network, coded_frames
from nac_cli.entropy.lm.step import StepPass
from nac_cli.errors import CorruptStream, Interrupted, NacError
from nac_cli.values import ABSENT


@dataclass(frozen=True)
class Intervals:
    """The coder's interval of every code of a chunk, out of 65536.

    `starts`, `widths` int64 `[K, F]`; `occurs` boolean `[K, F]`: where there is a code (elsewhere both are 0).
    """

    starts: np.ndarray
    widths: np.ndarray
    occurs: np.ndarray

    def bits(self) -> np.ndarray:
        """The cost of each code in bits, float64 `[K, F]`, 0 where there is none. A stream takes at most 64 bits
        more."""
        return np.where(self.occurs, TOTAL_BITS - np.log2(np.where(self.occurs, self.widths, 1)), 0.0)

    def encode(self) -> bytes:
        """The chunk's stream."""
        order = self.occurs.T
        return encode_intervals(self.starts.T[order], self.widths.T[order])


def measure(network: Network, codes: np.ndarray, depths: np.ndarray) -> Intervals:
    """Intervals of the `codes` `[K, F]` (`ABSENT` where none occurs) of a chunk with `depths` `[F]`, in one pass.

    What a plane costs depends on what is known: a chunk of fewer planes pays slightly other prices for those
    that stay. Raises `NacError` if codes and depths do not fit each other or the model.
    """
    occurs = _checked(network.config, codes, depths)
    starts, widths = np.zeros(codes.shape, np.int64), np.zeros(codes.shape, np.int64)
    for tables in network.tables(codes, depths):
        symbols = codes[tables.plane, tables.frames]
        starts[tables.plane, tables.frames], widths[tables.plane, tables.frames] = _intervals(
            tables.frequencies, symbols
        )
    return Intervals(starts, widths, occurs)


def encode(network: Network, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[bytes]:
    """One stream for each of `chunks`, pairs of codes `[K, F]` and depths `[F]`. Raises as `measure`."""
    return [measure(network, codes, depths).encode() for codes, depths in chunks]


def decode(
    network: Network, streams: Sequence[bytes], depths: Sequence[np.ndarray], stop: Event | None = None
) -> list[np.ndarray | CorruptStream]:
    """Inverse of `encode`: for each of `streams` the codes, int32 `[K, F]`, where `depths[i]` is `[F]`.

    A stream that `encode` cannot have made gives a `CorruptStream` in its place and leaves the others alone.
    Intervals that were decoded are encoded again and must give the stream, as in `coder.decode`. Memory is
    some 20 bytes a code, and 8 D bytes for each layer, chunk and frame of the window (in float32). Raises
    `NacError` if depths do not fit the model, `Interrupted` soon after somebody sets `stop`.
    """
    for chunk in depths:
        _check_depths(network.config, chunk)
    order = sorted(range(len(streams)), key=lambda index: -coded_frames(depths[index]))
    results: dict[int, np.ndarray | CorruptStream] = {}
    if order:
        decoded = _decode_sorted(
            network, [streams[index] for index in order], [depths[index] for index in order], stop or Event()
        )
        results = dict(zip(order, decoded))
    return [results[index] for index in range(len(streams))]


def _decode_sorted(
    network: Network, streams: list[bytes], depths: list[np.ndarray], stop: Event
) -> list[np.ndarray | CorruptStream]:
    """`decode` of one or more streams with descending numbers of `coded_frames`."""
    config, ends = network.config, np.array([coded_frames(chunk) for chunk in depths])
    longest = max(chunk.size for chunk in depths)
    padded = np.stack([np.pad(chunk.astype(np.int64), (0, longest - chunk.size)) for chunk in depths])
    occurs = np.stack([config.occurs(row, np.arange(longest)) for row in padded])
    codes = np.full(occurs.shape, ABSENT, np.int32)
    starts, widths = np.zeros(occurs.shape, np.int64), np.zeros(occurs.shape, np.int64)
    decoders = TableDecoders(streams)
    step = StepPass(network, len(streams), int(ends[0]))
    for frame in range(ends[0]):
        if stop.is_set():
            raise Interrupted("decoding was stopped")
        # a stream that has failed gets no more codes; at the end of the batch it takes no more time either
        ends[decoders.failed] = 0
        occurs[decoders.failed, :, frame:] = False
        active = int(np.flatnonzero(ends > frame).max(initial=-1)) + 1
        if not active:
            break
        step.advance(padded[:active, frame])
        for plane in range(padded[:active, frame].max()):
            rows = np.flatnonzero(occurs[:active, plane, frame])
            if rows.size:
                decoded = decoders.decode(rows, step.tables(plane, rows))
                at = rows, plane, frame
                codes[at], starts[at], widths[at] = decoded.symbols, decoded.starts, decoded.widths
                step.put(plane, rows, decoded.symbols)
            else:
                step.put(plane, rows, rows)
    results = []
    for row, (chunk, stream) in enumerate(zip(depths, streams)):
        intervals = Intervals(*(array[row, :, : chunk.size] for array in (starts, widths, occurs)))
        results.append(decoders.error(row) or _checked_result(codes[row, :, : chunk.size], intervals, stream))
    return results


def _checked_result(codes: np.ndarray, intervals: Intervals, stream: bytes) -> np.ndarray | CorruptStream:
    if intervals.encode() != stream:
        return CorruptStream("range coder: the words are not the ones that encode these symbols")
    return codes.copy()


def _intervals(tables: np.ndarray, symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and width `[n]` of each symbol's interval in its table `[n, N]`."""
    rows = np.arange(len(tables))
    widths = tables[rows, symbols]
    return tables.cumsum(axis=1)[rows, symbols] - widths, widths


def _checked(config: LmConfig, codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Which codes occur, boolean `[K, F]`. Raises `NacError` unless `codes` are just those, each in its codebook."""
    if codes.shape != (config.planes, depths.size) or depths.ndim != 1:
        form = f"{codes.shape} codes, {depths.shape} depths"
        raise NacError(f"language model: {form}; [{config.planes}, F] and [F] expected")
    _check_depths(config, depths)
    occurs = config.occurs(depths, np.arange(depths.size))
    sizes = np.array(config.codebook_sizes)[:, None]
    if not np.array_equal(codes != ABSENT, occurs) or ((codes < ABSENT) | (codes >= sizes)).any():
        raise NacError("language model: a code contradicts the depths, or is not in its codebook")
    return occurs


def _check_depths(config: LmConfig, depths: np.ndarray) -> None:
    if depths.size and not 0 <= depths.min() <= depths.max() <= config.planes:
        raise NacError(f"language model: depths must lie in 0..{config.planes}")
