"""Sounds for tests."""

from __future__ import annotations

import io

import numpy as np

import nac_cli

HOP = 512


def noise(channels: int, length: int, sample_rate: int = 44_100, seed: int = 0, level: float = 0.1) -> nac_cli.Waveform:
    samples = np.random.default_rng(seed).normal(0, level, (channels, length)).astype(np.float32)
    return nac_cli.Waveform(samples, sample_rate)


def compressed(sound, model: str, **options) -> bytes:
    file = io.BytesIO()
    nac_cli.compress(sound, file, model=model, device="cpu", **({"planes": 2} | options))
    return file.getvalue()


def decoded(data: bytes, **options) -> nac_cli.Waveform:
    return nac_cli.decompress(io.BytesIO(data), device="cpu", **options)
