"""Sounds for tests, and files of them in all formats."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import av
import numpy as np
import soundfile as sf

import nac_cli

HOP = 512
"""Samples per frame of the tiny model."""


def tones(num_samples: int, channels: int = 2, rate: int = 44100) -> np.ndarray:
    """Float32 `[C, T]`: another tone in each channel, with a little noise so that no two blocks are alike."""
    time = np.arange(num_samples) / rate
    pitches = 220.0 * (1 + np.arange(channels))[:, None]
    noise = np.random.default_rng(num_samples).standard_normal((channels, num_samples)) * 0.01
    return (0.4 * np.sin(2 * np.pi * pitches * time) + noise).astype(np.float32)


def noise(channels: int, length: int, sample_rate: int = 44_100, seed: int = 0, level: float = 0.1) -> nac_cli.Waveform:
    samples = np.random.default_rng(seed).normal(0, level, (channels, length)).astype(np.float32)
    return nac_cli.Waveform(samples, sample_rate)


def music(channels: int, seconds: float, sample_rate: int, hiss: float = 0.02) -> nac_cli.Waveform:
    """Tones that come and go in steady noise, so that steps differ."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    rng = np.random.default_rng(1)
    swell = (1 + np.sin(2 * np.pi * time / 7)) ** 4 / 16
    samples = [np.sin(220 * (c + 1) * time) * 0.2 * swell + rng.normal(0, hiss, len(time)) for c in range(channels)]
    return nac_cli.Waveform(np.array(samples, np.float32), sample_rate)


def clear_music(channels: int, seconds: float, sample_rate: int) -> nac_cli.Waveform:
    """Music whose codes are easily told beforehand."""
    return music(channels, seconds, sample_rate, hiss=0.001)


def write_sound(path: Path, seconds: float, channels: int = 2, title: str = "", sample_rate: int = 44_100) -> Path:
    """A chord with a little noise, in the format that the name says."""
    rng = np.random.default_rng(1)
    time = np.arange(round(seconds * sample_rate))[:, None] / sample_rate
    pitches = 220 * np.arange(2, 2 + channels)
    samples = 0.2 * np.sin(2 * np.pi * pitches * time) + rng.normal(0, 0.01, (len(time), channels))
    with sf.SoundFile(path, "w", sample_rate, channels) as file:
        if title:
            file.title = title
        file.write(samples)
    return path


def sound_file(samples: np.ndarray, rate: int, format: str = "WAV", subtype: str = "PCM_16", **more) -> bytes:
    """A file made by libsndfile."""
    file = io.BytesIO()
    sf.write(file, samples.T, rate, format=format, subtype=subtype, **more)
    return file.getvalue()


def ffmpeg_file(
    samples: np.ndarray,
    rate: int,
    format: str,
    codec: str,
    layout: str = "stereo",
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    streams: int = 1,
) -> bytes:
    """A file made by FFmpeg; it lies on disk for a while, because FFmpeg opens it again to put an index in
    front.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        _write(path, samples, rate, format, codec, layout, options or {}, metadata or {}, streams)
        return path.read_bytes()


def _write(path, samples, rate, format, codec, layout, options, metadata, streams) -> None:
    with av.open(path, "w", format=format, options=options) as container:
        container.metadata.update(metadata)
        made = [container.add_stream(codec, rate=rate, layout=layout) for _ in range(streams)]
        for stream in made:
            stream.bit_rate = 64000 * samples.shape[0]
            size = stream.codec_context.frame_size or 1024
            resampler = av.AudioResampler(stream.codec_context.format, layout, rate, frame_size=size)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), "flt", layout)
            frame.sample_rate, frame.pts = rate, 0
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
