"""Opus by libopus, in Ogg."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import av
import numpy as np

from nac_cli.bench.peers import ffmpeg

LOOKAHEAD = 312
"""Samples at 48 kHz that libopus reads ahead, and that a decoder drops at the start (pre-skip)."""
BIT_RATES = (500, 256_000)
"""Range of bitrates of libopus, bit/s a channel."""
LONG_PAGES = {"page_duration": "20000000", "fflags": "+bitexact"}
"""Ogg at its smallest: pages as long as they get, no name of the muxer. 0.2 kbit/s less than pages of 1 s."""


@dataclass(frozen=True)
class OpusSetting:
    """Settings of Opus beside the bitrate: `lowdelay` always codes by transform (CELT), `audio` and `voip`
    choose by rate and content; `frame_duration` in ms (5 to 120); `vbr` is on, constrained or off."""

    application: str = "audio"
    frame_duration: int = 60
    vbr: str = "on"
    sample_rate: ClassVar[int] = 48_000

    def __str__(self) -> str:
        return f"{self.application} {self.frame_duration} ms vbr {self.vbr}"

    def limits(self, channels: int) -> tuple[int, int]:
        return BIT_RATES[0] * channels, BIT_RATES[1] * channels

    def encode(self, audio: np.ndarray, bitrate: int) -> bytes:
        # The muxer's end trimming loses samples of very short files, so the input fills the last frame.
        length, frame = audio.shape[1], self.frame_duration * self.sample_rate // 1000
        filled = -(-(length + LOOKAHEAD) // frame) * frame - LOOKAHEAD
        options = {
            "application": self.application,
            "frame_duration": str(self.frame_duration),
            "vbr": self.vbr,
            "compression_level": "10",
        }
        padded = np.pad(audio, ((0, 0), (0, filled - length)))
        return ffmpeg.encode(padded, self.sample_rate, "libopus", "ogg", bitrate, options, LONG_PAGES, planar=False)

    def decode(self, file: bytes, channels: int) -> np.ndarray:
        """By libopus, which drops the pre-skip. PyAV would choose FFmpeg's own decoder, which scores lower at
        these rates."""
        with av.open(io.BytesIO(file)) as container:
            stream = container.streams.audio[0]
            decoder = av.CodecContext.create("libopus", "r")
            decoder.extradata = stream.codec_context.extradata
            decoder.options = {"request_sample_fmt": "flt"}
            frames = [
                frame.to_ndarray().reshape(-1, channels)
                for packet in container.demux(stream)
                for frame in decoder.decode(packet)
            ]
        return np.concatenate(frames).T


OPUS_SETTINGS = tuple(
    OpusSetting(application, frame_duration)
    for frame_duration in (60, 120)
    for application in ("lowdelay", "audio", "voip")
)
"""Six of 36 settings tried on four clips at 6 to 16 kbit/s (20 and 40 ms, constrained and constant rate too),
that reach the best means within 0.03 in ViSQOL, 0.1 in Zimtohrli and 0.02 in mel distance."""


def opus_settings(target: float, channels: int) -> Sequence[OpusSetting]:
    return OPUS_SETTINGS
