"""A file in memory by the encoders that come with PyAV."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

LAYOUTS = {1: "mono", 2: "stereo"}


def encode(
    audio: np.ndarray,
    sample_rate: int,
    codec: str,
    container: str,
    bitrate: int,
    options: dict[str, str],
    muxer: dict[str, str],
    planar: bool = True,
) -> bytes:
    """`audio` float32 `[C, T]`; `options` are the encoder's, `muxer` the container's."""
    layout = LAYOUTS[len(audio)]
    audio = np.pad(audio, ((0, 0), (0, max(1 - audio.shape[1], 0))))  # a sample may be none at a lower rate
    target = io.BytesIO()
    with av.open(target, "w", format=container, options=muxer) as file:
        stream = file.add_stream(codec, rate=sample_rate, layout=layout, options=options)
        stream.bit_rate = bitrate
        ordered = audio if planar else audio.T.reshape(1, -1)
        samples = np.ascontiguousarray(ordered, np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp" if planar else "flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return target.getvalue()


def decode(data: bytes, channels: int) -> np.ndarray:
    """float32 `[channels, T]`; what the container says about delay is taken off. Of a file with another
    number of channels, as which some decoders give mono, the first counts."""
    with av.open(io.BytesIO(data)) as file:
        frames = [frame.to_ndarray().reshape(len(frame.layout.channels), -1) for frame in file.decode(audio=0)]
    fitting = [frame if len(frame) == channels else np.repeat(frame[:1], channels, axis=0) for frame in frames]
    return np.concatenate(fitting, axis=1).astype(np.float32, copy=False)
