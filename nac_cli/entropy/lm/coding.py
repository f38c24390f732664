"""Codes of chunks to range-coded streams and back, one stream per chunk, frame by frame, plane by plane.

The encoder needs of every table only where the code's interval starts and how wide it is: the parallel pass leaves
two integers per code. The decoder needs whole tables, and makes them as it goes, for many chunks at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np

from nac_cli.entropy.coder import encode_intervals
from nac_cli.entropy.frequencies import TOTAL_BITS
from nac_cli.entropy.lm.batch import Batch, coded_frames
from nac_cli.entropy.lm.compiled import CompiledNetwork
from nac_cli.entropy.lm.config import LmConfig
from nac_cli.entropy.lm.network import Network
from nac_cli.entropy.lm.step import decode_batch
from nac_cli.errors import CorruptStream, NacError
from nac_cli.values import ABSENT


@dataclass(frozen=True)
class Intervals:
    """The coder's interval of every code of a chunk, out of 65536.

    `starts`, `widths` integer `[K, F]`; `occurs` boolean `[K, F]`: where there is a code (elsewhere both are 0).
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


def measure(network: Network | CompiledNetwork, codes: np.ndarray, depths: np.ndarray) -> Intervals:
    """Intervals of the `codes` `[K, F]` (`ABSENT` where none occurs) of a chunk with `depths` `[F]`, in one pass.

    What a plane costs depends on what is known: a chunk of fewer planes pays slightly other prices for those
    that stay. Raises `NacError` if codes and depths do not fit each other or the model.
    """
    occurs = _checked(network.config, codes, depths)
    return Intervals(*network.intervals(codes, depths), occurs)


def encode(network: Network | CompiledNetwork, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[bytes]:
    """One stream for each of `chunks`, pairs of codes `[K, F]` and depths `[F]`. Raises as `measure`."""
    return [measure(network, codes, depths).encode() for codes, depths in chunks]


def decode(
    network: Network | CompiledNetwork,
    streams: Sequence[bytes],
    depths: Sequence[np.ndarray],
    stop: Event | None = None,
) -> list[np.ndarray | CorruptStream]:
    """Inverse of `encode`: for each of `streams` the codes, int32 `[K, F]`, where `depths[i]` is `[F]`.

    A stream that `encode` cannot have made gives a `CorruptStream` in its place and leaves the others alone.
    Intervals that were decoded are encoded again and must give the stream, as in `coder.decode`. Memory is
    some 20 bytes a code, and 8 D bytes for each layer, chunk and frame of the window (in float32). Raises
    `NacError` if depths do not fit the model, `Interrupted` soon after somebody sets `stop`.
    """
    for chunk in depths:
        _check_depths(network.config, chunk)
    if not streams:
        return []
    order = sorted(range(len(streams)), key=lambda index: -coded_frames(depths[index]))
    batch = Batch([streams[index] for index in order], [depths[index] for index in order], network.config)
    errors = decode_batch(network, batch, stop or Event())
    results = {index: errors[row] or _checked_result(batch, row, depths[index].size) for row, index in enumerate(order)}
    return [results[index] for index in range(len(streams))]


def _checked_result(batch: Batch, row: int, num_frames: int) -> np.ndarray | CorruptStream:
    codes, *intervals = (part[row, :, :num_frames] for part in (batch.codes, batch.starts, batch.widths, batch.occurs))
    if Intervals(*intervals).encode() != batch.streams[row]:
        return CorruptStream("range coder: the words are not the ones that encode these symbols")
    return codes.copy()


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
