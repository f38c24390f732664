"""Runs: the codes that are present, one array per channel and plane, in the order of the token section.

A list of runs holds `C * K` arrays, channel by channel, plane by plane, each in time order; what an entropy
mode packs is runs, and nothing in it knows of absence, strides or depths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from nac_cli.errors import NacError
from nac_cli.values import ABSENT, ChunkCodes, StreamInfo, absent, present


def masks(depths: np.ndarray, num_frames: int, info: StreamInfo) -> Iterator[np.ndarray]:
    """Boolean `[F_k]` for each run: which codes are present. `depths` is `[C, S]`."""
    step_frames = info.framing.step_frames
    for channel_depths, (plane, stride) in product(depths, enumerate(info.codec.strides)):
        yield present(channel_depths, plane, stride, num_frames, step_frames)


def gather(chunk: ChunkCodes, info: StreamInfo) -> list[np.ndarray]:
    """The runs of `chunk`, int32. Raises `NacError` if its codes contradict its depths or the codec."""
    sizes = info.codec.codebook_sizes
    if [len(planes) for planes in chunk.codes] != [len(sizes)] * info.channels:
        raise NacError(f"cannot pack a chunk: {info.channels} channels of {len(sizes)} planes expected")
    present_codes = masks(chunk.depths, chunk.num_frames, info)
    runs = []
    for (channel, planes), (plane, size) in product(enumerate(chunk.codes), enumerate(sizes)):
        codes, mask = planes[plane], next(present_codes)
        where = f"cannot pack a chunk: channel {channel}, plane {plane}"
        if not np.array_equal(codes != ABSENT, mask):
            raise NacError(f"{where}: the codes contradict the depths")
        run = codes[mask].astype(np.int32)
        if run.size and not 0 <= run.min() <= run.max() < size:
            raise NacError(f"{where}: a code is not in the codebook of {size}")
        runs.append(run)
    return runs


def lengths(depths: np.ndarray, num_frames: int, info: StreamInfo) -> list[int]:
    """Size of each run."""
    return [int(np.count_nonzero(mask)) for mask in masks(depths, num_frames, info)]


def scatter(
    runs: Sequence[np.ndarray], depths: np.ndarray, num_frames: int, info: StreamInfo
) -> tuple[tuple[np.ndarray, ...], ...]:
    """Inverse of `gather`: `codes[c][k]` int32 `[F_k]` with `ABSENT` where the depth is too low."""
    planes = []
    for run, mask in zip(runs, masks(depths, num_frames, info), strict=True):
        if not run.size:
            planes.append(absent(mask.size))
            continue
        codes = np.full(mask.size, ABSENT, np.int32)
        codes[mask] = run
        planes.append(codes)
    count = info.codec.num_codebooks
    return tuple(tuple(planes[first : first + count]) for first in range(0, len(planes), count))
