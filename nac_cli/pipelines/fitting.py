"""Analysed chunks -> container records at a bitrate or a constant depth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nac_cli.container import ChunkRecord, stream_bytes
from nac_cli.entropy import FrequencyTables, pack_smallest, token_checksum
from nac_cli.entropy.costs import plane_costs, side_bits
from nac_cli.errors import UsageError
from nac_cli.pipelines.analysis import Analysed
from nac_cli.pipelines.rate_control import LEVEL_EXPONENT, DepthChoices, allocate
from nac_cli.values import ABSENT, ChunkCodes, StreamInfo, present

ATTEMPTS = 8
CLOSE_ENOUGH = 0.998
LEAST_GAIN = 1e-4
"""Share of a step's whole distortion that any further plane is worth."""


def fit_planes(chunks: Sequence[Analysed], info: StreamInfo, tables: FrequencyTables | None, planes: int) -> list[ChunkRecord]:
    """Every step that is not silent at the same depth. Raises UsageError for a depth that the codec lacks."""
    most = info.codec.num_codebooks
    if not 1 <= planes <= most:
        raise UsageError(f"{info.codec.name} has 1 to {most} planes, not {planes}")
    return [_record(i, chunk, np.where(chunk.silent, 0, planes), info, tables) for i, chunk in enumerate(chunks)]


def fit_bitrate(
    chunks: Sequence[Analysed], info: StreamInfo, tables: FrequencyTables | None, bitrate: int
) -> list[ChunkRecord]:
    """Depths such that the whole stream, tags aside, has at most `bitrate` bit/s and as near to it as the codes allow.

    `info.num_samples` must be known. Raises UsageError naming the range when the target cannot be met.
    """
    if not info.num_samples:
        return []
    records = _fit(chunks, info, tables, _target_bytes(bitrate, info))
    if records is None or bitrate > _nominal_bitrate(info):
        raise UsageError(_out_of_range(chunks, info, tables, bitrate))
    return records


def fit_default(
    chunks: Sequence[Analysed], info: StreamInfo, tables: FrequencyTables | None, bitrate: int
) -> list[ChunkRecord]:
    """As `fit_bitrate`, for a bitrate that nobody asked for: a sound so short that the container alone takes too much
    of it gets the codes of that bitrate and the container on top, and at least one plane."""
    if not info.num_samples:
        return []
    target = _target_bytes(bitrate, info)
    records = _fit(chunks, info, tables, target) or _fit(chunks, info, tables, target + int(_fixed_bits(chunks, info) / 8))
    return records or fit_planes(chunks, info, tables, 1)


def _target_bytes(bitrate: int, info: StreamInfo) -> int:
    return int(bitrate * info.num_samples / info.sample_rate / 8)


def _fit(
    chunks: Sequence[Analysed], info: StreamInfo, tables: FrequencyTables | None, target: int
) -> list[ChunkRecord] | None:
    """The records of a stream of at most `target` bytes, None when even the least depths take more.

    Prices are nearly exact, so a few rounds of packing and correcting the budget by what was off suffice.
    """
    choices = _choices(chunks, info, tables)
    budget, best, best_bytes = 8.0 * target - _fixed_bits(chunks, info), None, -1
    for _ in range(ATTEMPTS):
        depths = allocate(choices, budget)
        records = _records(chunks, depths, info, tables)
        total = _stream_bytes(records, info)
        if best_bytes < total <= target:
            best, best_bytes = records, total
            if total >= CLOSE_ENOUGH * target or (depths == info.codec.num_codebooks).all():
                break
        elif total <= target:
            break  # a corrected budget brought nothing more
        budget += 8.0 * (target - total) - (total > target)
    return best


def _choices(chunks: Sequence[Analysed], info: StreamInfo, tables: FrequencyTables | None) -> DepthChoices:
    """All steps of all channels of all chunks, in that order of nesting, chunks outermost."""
    bits, distortion, least = [], [], []
    secondary = _secondary_channels(info)
    for chunk in chunks:
        weights = np.where(chunk.silent, 0.0, _level_weights(chunk.gains, chunk.num_frames, info))
        for channel in range(info.channels):
            codes = [plane[channel] for plane in chunk.codes]
            costs = plane_costs(codes, info.codec, info.framing, chunk.num_frames, tables)
            bits.append(np.concatenate((np.zeros((1, costs.shape[1])), costs.cumsum(axis=0))).T)
            distortion.append(_falling(chunk.distortion[channel]).T * weights[channel, :, None])
            least.append(np.where(chunk.silent[channel] | secondary[channel], 0, 1))
    return DepthChoices(np.concatenate(bits), np.concatenate(distortion), np.concatenate(least))


def _falling(distortion: np.ndarray) -> np.ndarray:
    """`[K + 1, S]` made to fall from plane to plane, by LEAST_GAIN at least: a budget is there to be spent."""
    depths = np.arange(len(distortion))[:, None]
    return np.minimum.accumulate(distortion, axis=0) + LEAST_GAIN * distortion[:1] * (len(distortion) - 1 - depths)


def _level_weights(gains: np.ndarray, num_frames: int, info: StreamInfo) -> np.ndarray:
    """Weight of each step's distortion `[C, S]` from the levels at its middle, the loudest channel's being 1."""
    framing = info.framing
    middles = (np.arange(framing.steps(num_frames)) + 0.5) * framing.step_frames / framing.node_frames
    decibels = np.stack([np.interp(middles, np.arange(len(nodes)), nodes) for nodes in gains.astype(float)])
    return 10.0 ** (LEVEL_EXPONENT * (decibels - decibels.max(axis=0)) / 20)


def _secondary_channels(info: StreamInfo) -> list[bool]:
    """Which coded channels are a pair's residual, and so may be left out altogether."""
    return [place == 1 for size in info.groups for place in range(size)]


def _records(
    chunks: Sequence[Analysed], depths: np.ndarray, info: StreamInfo, tables: FrequencyTables | None
) -> list[ChunkRecord]:
    records, start = [], 0
    for index, chunk in enumerate(chunks):
        shape = chunk.silent.shape
        records.append(_record(index, chunk, depths[start : start + chunk.silent.size].reshape(shape), info, tables))
        start += chunk.silent.size
    return records


def _record(index: int, chunk: Analysed, depths: np.ndarray, info: StreamInfo, tables: FrequencyTables | None) -> ChunkRecord:
    coded = ChunkCodes(chunk.num_frames, chunk.angles, chunk.gains, depths, tuple(
        tuple(
            np.where(present(channel_depths, k, stride, chunk.num_frames, info.framing.step_frames),
                     plane[channel].astype(np.int32), ABSENT)
            for k, (plane, stride) in enumerate(zip(chunk.codes, info.codec.strides, strict=True))
        )
        for channel, channel_depths in enumerate(depths)
    ))
    mode, payload = pack_smallest(coded, info, tables)
    return ChunkRecord(index, chunk.num_frames, int(mode), token_checksum(coded), payload)


def _stream_bytes(records: Sequence[ChunkRecord], info: StreamInfo) -> int:
    return stream_bytes(info, [len(record.payload) for record in records], info.num_samples).total


def _fixed_bits(chunks: Sequence[Analysed], info: StreamInfo) -> float:
    """A first guess at everything but the codes: container, gains, angles, depths that hardly change, coder."""
    side = sum(side_bits(info.num_pairs, chunk.gains, np.zeros_like(chunk.silent, dtype=np.int64)) + 48 for chunk in chunks)
    return 8.0 * stream_bytes(info, [300] * len(chunks), info.num_samples).overhead + side


def _nominal_bitrate(info: StreamInfo) -> float:
    """Bits per second of all planes of all channels, packed, with a tenth for everything else."""
    frame_bits = sum((size - 1).bit_length() / stride for size, stride in zip(info.codec.codebook_sizes, info.codec.strides, strict=True))
    return 1.1 * info.channels * info.codec.frame_rate * frame_bits


def _out_of_range(chunks: Sequence[Analysed], info: StreamInfo, tables: FrequencyTables | None, bitrate: int) -> str:
    secondary = np.array(_secondary_channels(info))[:, None]

    def reached(depth_of) -> float:
        records = [_record(i, chunk, depth_of(chunk), info, tables) for i, chunk in enumerate(chunks)]
        return 8 * _stream_bytes(records, info) * info.sample_rate / info.num_samples

    low = reached(lambda chunk: np.where(chunk.silent | secondary, 0, 1))
    high = reached(lambda chunk: np.where(chunk.silent, 0, info.codec.num_codebooks))
    return (
        f"{bitrate} bit/s cannot be met: with {info.codec.name} this sound takes "
        f"{int(np.ceil(low))} to {int(high)} bit/s; choose a bitrate in that range, or a depth with -q"
    )
