"""Sounds for tests."""

from __future__ import annotations

import io

import numpy as np

import nac_cli

HOP = 512


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


def tones(channels: int, seconds: float, sample_rate: int) -> nac_cli.Waveform:
    """Music whose codes are easily told beforehand."""
    return music(channels, seconds, sample_rate, hiss=0.001)


def compressed(sound, model: str, **options) -> bytes:
    file = io.BytesIO()
    nac_cli.compress(sound, file, model=model, device="cpu", **({"planes": 2} | options))
    return file.getvalue()


def decoded(data: bytes, **options) -> nac_cli.Waveform:
    return nac_cli.decompress(io.BytesIO(data), device="cpu", **options)
