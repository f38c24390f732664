"""The side section of a payload: rotation angles, gain nodes and depths.

In order: for each rotated pair the angle at the chunk's start and at its end; then for each coded channel its
gain nodes and its depths, each as a Rice series (see `rice`); then zeros up to a byte boundary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nac_cli.entropy.bits import BitReader, BitWriter
from nac_cli.entropy.rice import read_series, series_bits, write_series
from nac_cli.errors import CorruptStream, NacError
from nac_cli.values import ChunkCodes, StreamInfo

ANGLE_BITS = 6
GAIN_BITS = 8
DEPTH_BITS = 7
"""Also the limit on codebooks: a depth must fit."""


@dataclass(frozen=True)
class Side:
    """The side information of a chunk, int32: `angles` `[P, 2]`, `gains` `[C, J]`, `depths` `[C, S]`."""

    angles: np.ndarray
    gains: np.ndarray
    depths: np.ndarray


def pack_side(chunk: ChunkCodes, info: StreamInfo) -> bytes:
    """The side section of `chunk`. Raises `NacError` if the chunk's arrays do not fit `info`."""
    nodes = info.framing.nodes(chunk.num_frames)
    steps = info.framing.steps(chunk.num_frames)
    _require("frames", chunk.num_frames >= 1)
    _require("angles", _fits(chunk.angles, (info.num_pairs, 2), (1 << ANGLE_BITS) - 1))
    _require("gains", _fits(chunk.gains, (info.channels, nodes), (1 << GAIN_BITS) - 1))
    _require("depths", _fits(chunk.depths, (info.channels, steps), info.codec.num_codebooks))
    writer = BitWriter()
    for angle in chunk.angles.ravel().tolist():
        writer.write(angle, ANGLE_BITS)
    for gains, depths in zip(chunk.gains, chunk.depths):
        write_series(writer, gains, GAIN_BITS)
        write_series(writer, depths, DEPTH_BITS)
    return writer.to_bytes()


def read_side(reader: BitReader, num_frames: int, info: StreamInfo) -> Side:
    """Inverse of `pack_side`; leaves `reader` at the token section. Raises `CorruptStream`."""
    if num_frames < 1:
        raise CorruptStream(f"a chunk of {num_frames} frames; a chunk holds at least one")
    nodes, steps = info.framing.nodes(num_frames), info.framing.steps(num_frames)
    angles = [[reader.read(ANGLE_BITS) for _ in range(2)] for _ in range(info.num_pairs)]
    gains, depths = [], []
    for _ in range(info.channels):
        gains.append(read_series(reader, nodes, GAIN_BITS, (1 << GAIN_BITS) - 1, "gain node"))
        depths.append(read_series(reader, steps, DEPTH_BITS, info.codec.num_codebooks, "depth"))
    reader.align()
    return Side(np.array(angles, np.int32).reshape(-1, 2), np.stack(gains), np.stack(depths))


def side_bits(num_pairs: int, gains: np.ndarray, depths: np.ndarray) -> int:
    """Exact size of a side section in bits, padding included, for `gains` `[C, J]` and `depths` `[C, S]`."""
    bits = num_pairs * 2 * ANGLE_BITS
    bits += sum(series_bits(channel, GAIN_BITS) for channel in gains)
    bits += sum(series_bits(channel, DEPTH_BITS) for channel in depths)
    return -(-bits // 8) * 8


def _fits(values: np.ndarray, shape: tuple[int, ...], highest: int) -> bool:
    return values.shape == shape and (values.size == 0 or (values.min() >= 0 and values.max() <= highest))


def _require(name: str, holds: bool) -> None:
    if not holds:
        raise NacError(f"cannot pack a chunk: its {name} do not fit the stream's channels, framing or codec")
