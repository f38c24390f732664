"""Streams that are decoded side by side, and what is known of their codes so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nac_cli.entropy.lm.config import LmConfig
from nac_cli.values import ABSENT


class Batch:
    """n streams, longest first, with the depths of their frames.

    `depths` int64 `[n, F]`, 0 behind a stream's end; `ends` int64 `[n]`: frames up to the last that has a code;
    `occurs` boolean `[n, K, F]`; `codes`, `starts` and `widths` int32 `[n, K, F]`: what a decoder fills in, with the
    interval of each code (`ABSENT` and 0 elsewhere).
    """

    def __init__(self, streams: Sequence[bytes], depths: Sequence[np.ndarray], config: LmConfig) -> None:
        self.streams = streams
        self.ends = np.array([coded_frames(chunk) for chunk in depths], np.int64)
        longest = max(chunk.size for chunk in depths)
        self.depths = np.stack([np.pad(chunk.astype(np.int64), (0, longest - chunk.size)) for chunk in depths])
        self.occurs = np.stack([config.occurs(row, np.arange(longest)) for row in self.depths])
        self.codes = np.full(self.occurs.shape, ABSENT, np.int32)
        self.starts, self.widths = np.zeros((2, *self.occurs.shape), np.int32)


def coded_frames(depths: np.ndarray) -> int:
    """How many of a chunk's frames there are up to the last with a depth above 0: no code needs the others."""
    present = np.flatnonzero(depths)
    return int(present[-1]) + 1 if present.size else 0
