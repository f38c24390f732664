"""Random streams and chunks for the tests of this package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from nac_cli.entropy import Coders, FrequencyTables, from_counts
from nac_cli.values import ABSENT, ChunkCodes, CodecSpec, Framing, StreamInfo, present


@dataclass(frozen=True)
class Scene:
    info: StreamInfo
    chunk: ChunkCodes
    tables: FrequencyTables

    @property
    def coders(self) -> Coders:
        return Coders(self.tables)


def stream(sizes: tuple[int, ...], strides: tuple[int, ...], groups: tuple[int, ...], framing: Framing) -> StreamInfo:
    codec = CodecSpec("test", "spectral", bytes(8), 44100, 512, sizes, strides)
    return StreamInfo(codec, 44100, sum(groups), groups, framing=framing)


def random_codes(
    rng: np.random.Generator, info: StreamInfo, depths: np.ndarray, num_frames: int
) -> tuple[tuple[np.ndarray, ...], ...]:
    """Uniform codes, `ABSENT` above the depths."""

    def plane(channel: int, index: int, size: int, stride: int) -> np.ndarray:
        mask = present(depths[channel], index, stride, num_frames, info.framing.step_frames)
        return np.where(mask, rng.integers(0, size, mask.size), ABSENT).astype(np.int32)

    shapes = list(enumerate(zip(info.codec.codebook_sizes, info.codec.strides)))
    return tuple(
        tuple(plane(channel, index, size, stride) for index, (size, stride) in shapes)
        for channel in range(info.channels)
    )


def same(left: ChunkCodes, right: ChunkCodes) -> bool:
    """Whether two chunks say the same."""
    sides = [(left.angles, right.angles), (left.gains, right.gains), (left.depths, right.depths)]
    codes = [pair for channels in zip(left.codes, right.codes) for pair in zip(*channels)]
    return left.num_frames == right.num_frames and all(np.array_equal(a, b) for a, b in sides + codes)


@st.composite
def scenes(draw: st.DrawFn, max_frames: int = 200, max_size: int = 1024) -> Scene:
    """Any stream of 1..4 channels and 1..5 planes with a small framing, one chunk of it, and tables."""
    count = draw(st.integers(1, 5))
    sizes = tuple(draw(st.lists(st.integers(2, max_size), min_size=count, max_size=count)))
    strides = draw(st.sampled_from([(1,) * count, (4, 2, 1, 1, 1)[:count], (8, 4, 2, 1, 3)[:count]]))
    groups = draw(st.sampled_from([(1,), (2,), (1, 1), (2, 1), (2, 2), (2, 1, 1)]))
    framing = Framing(256, draw(st.integers(1, 16)), draw(st.integers(1, 48)))
    info = stream(sizes, strides, groups, framing)

    num_frames = draw(st.integers(1, max_frames))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    deepest = draw(st.integers(0, count))
    loudest = draw(st.sampled_from([0, 3, 255]))
    depths = rng.integers(0, deepest + 1, (info.channels, framing.steps(num_frames)))
    gains = rng.integers(0, loudest + 1, (info.channels, framing.nodes(num_frames)))
    angles = rng.integers(0, 64, (info.num_pairs, 2))
    codes = random_codes(rng, info, depths, num_frames)
    tables = FrequencyTables(from_counts(rng.geometric(0.1, size) ** 2) for size in sizes)
    return Scene(info, ChunkCodes(num_frames, angles, gains, depths, codes), tables)
