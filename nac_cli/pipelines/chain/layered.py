"""A chunk with all the planes that it could have, before rate control decides how many it keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nac_cli.values import ABSENT, ChunkCodes, StreamInfo, absent, present


@dataclass(frozen=True)
class Layered:
    """`codes[k]` integer `[C, F_k]`; `available` `[C, S]` planes of each step, above which codes mean nothing (0: a
    silent step); `distortion` `[C, K + 1, S]`, summed over each step, or None where no rate has to be met; angles
    and gains as in `ChunkCodes`; `levels` `[C, J]`: the sound's own level at the gain nodes, in the same units, which
    is what `gains` are (None) unless the model takes sound at its natural level."""

    num_frames: int
    angles: np.ndarray
    gains: np.ndarray
    codes: tuple[np.ndarray, ...]
    available: np.ndarray
    distortion: np.ndarray | None = None
    levels: np.ndarray | None = None

    def keep(self, depths: np.ndarray, info: StreamInfo) -> ChunkCodes:
        """The first `depths` `[C, S]` planes of each step."""
        codes = tuple(
            tuple(
                np.where(
                    present(channel_depths, k, stride, self.num_frames, info.framing.step_frames),
                    plane[channel].astype(np.int32),
                    ABSENT,
                )
                if k < channel_depths.max(initial=0)
                else absent(plane.shape[1])
                for k, (plane, stride) in enumerate(zip(self.codes, info.codec.strides, strict=True))
            )
            for channel, channel_depths in enumerate(depths)
        )
        return ChunkCodes(self.num_frames, self.angles, self.gains, depths, codes)
